-- Lists workers for the role of a worker, oldest first, those that ended lately included. Times are seconds since 1970. No row when none ever ran.
select w.worker_id::text as worker_id, w.hostname, w.pid::text as pid, w.status, w.version,
       pg_catalog.array_to_json(w.functions)::text as functions, w.concurrency::text as concurrency, w.in_flight::text as in_flight,
       w.processed::text as processed, w.failed::text as failed, extract(epoch from w.started_at)::text as started_s,
       extract(epoch from w.last_heartbeat)::text as last_heartbeat_s
from lamplighter.list_workers() as w
