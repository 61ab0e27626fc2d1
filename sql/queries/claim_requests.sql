-- Claims ready requests of one lane; no two callers ever get the same one.
-- $1 worker, $2 number of the claim, $3 function, $4 model, levels pairwise: $5 roles, $6 priorities, $7 and $8 lowest time of
-- queueing (microseconds since 1970) and id; $9 when they were seen, $10 most rows for each role, $11 most rows, $12 whether to
-- pass over what cannot be changed. No row when nothing is ready or the levels were seen too long ago; SQLSTATE LL001 when the
-- lease is lost.
select c.id, c.request_id, c.username, c.parameters::text as parameters, c.priority, c.created_us, c.attempt, c.retry_count, c.traceparent
from lamplighter.claim_requests($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as c
