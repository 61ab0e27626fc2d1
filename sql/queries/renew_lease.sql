-- Renews a worker's lease and records what it is doing.
-- $1 worker, $2 status, $3 concurrency, $4 requests in flight, $5 processed so far, $6 failed so far, $7 numbers of claims to forget,
-- $8 models that are unavailable, as JSON.
-- One row; is_alive is false when the lease was lost; has_quarantined tells whether anything is in quarantine.
select r.is_alive, r.has_quarantined
from lamplighter.renew_lease($1, $2, $3, $4, $5, $6, $7, $8::jsonb) as r
