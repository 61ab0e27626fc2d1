-- Finishes one attempt of each request that is still in flight with the worker, see lamplighter.finish_requests.
-- $1 worker, pairwise by ascending id: $2 ids, $3 attempts, $4 outcomes, $5 results, $6 errors, $7 delays in ms, $8 cache keys (the last
-- three null where there are none); $9 retries allowed. Rows that are missing are locked or lost; completions that are not announced are left to
-- announce_completions.
select f.id, f.status, f.is_announced
from lamplighter.finish_requests($1, $2, $3, $4, $5, $6, $7, $8, $9) as f
