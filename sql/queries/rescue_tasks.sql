-- Settles what dead workers held. $1 the worker that asks. One row for each such task with its status now: 'running' while its backend is still
-- there, with what a cancel request takes.
select r.run_id::text as run_id, r.jobid::text as jobid, r.status::text as status, r.username::text as username, r.pid, r.cancel_key,
       to_jsonb(r.backend_start) operator(pg_catalog.#>>) '{}' as backend_start, r.is_alive, r.is_cancelled
from lamplighter.rescue_tasks($1::uuid) as r
