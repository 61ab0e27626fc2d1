-- Claims one request that a worker died with, to be run alone. $1 worker, $2 number of the claim, $3 functions and $4 models (lanes,
-- pairwise). No row when there is none; SQLSTATE LL001 when the lease is lost.
select c.id, c.request_id, c.function_name, c.model, c.username, c.parameters, c.priority, c.created_us, c.attempt, c.retry_count
from lamplighter.claim_suspect($1, $2, $3, $4) as c
