-- Claims requests in quarantine, to be run with nothing else of their lane. $1 worker, $2 number of the claim, lanes pairwise: $3 functions,
-- $4 models, $5 most requests at once. All are of one lane. No row when there is none; SQLSTATE LL001 when the lease is lost.
select c.id, c.request_id, c.function_name, c.model, c.username, c.parameters::text as parameters, c.priority,
       c.created_us, c.attempt, c.retry_count, c.traceparent
from lamplighter.claim_quarantined($1, $2, $3, $4, $5) as c
