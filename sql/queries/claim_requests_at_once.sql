-- Claims all that is ready in the first lane that has anything, if it is not much; no two callers ever get the same one.
-- $1 worker, $2 number of the claim, lanes in the order in which to try them: $3 functions, $4 models, $5 most rows. No row when
-- nothing is ready; one without an id when list_ready has to be asked, see lamplighter.claim_requests_at_once. SQLSTATE LL001 when the
-- lease is lost and something is ready, 55P03 when somebody has locked the table for more than 0.2 s.
select c.function_name, c.model, c.id, c.request_id, c.username, c.parameters::text as parameters, c.priority,
       c.created_us, c.attempt, c.retry_count, c.traceparent
from lamplighter.claim_requests_at_once($1, $2, $3, $4, $5) as c
