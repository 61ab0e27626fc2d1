-- Takes requests back from dead workers. $1 retries allowed, $2 for how many ms the server has been reachable (null: always), $3 the time
-- of the server, in ms since 1970, as of which silence is judged (null: now). One row for each, and for each that could not be taken back
-- (status processing, and why); none when all workers are well.
select r.id, r.request_id, r.worker_id, r.status, r.is_charged, r.is_quarantined, r.function_name, r.model, r.error, r.worker_status
from lamplighter.rescue_requests($1, $2, $3) as r
