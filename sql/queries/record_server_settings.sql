-- Records what a fresh session saw, for workers and callers. $1 worker_concurrency, $2 worker_poll_interval, $3 max_queue_size.
-- Three rows: what holds now, where it comes from, and why the server's value was refused, if it was.
select s.name, s.value, s.origin, s.problem
from lamplighter.record_server_settings($1, $2, $3) as s
