-- Counts tasks that the caller sees. One row; the longest wait and run are seconds, null when nothing waits or runs.
select count(*) filter (where t.state = 'queued')::text as queued,
       count(*) filter (where t.state = 'running')::text as running,
       count(*) filter (where t.state = 'succeeded')::text as succeeded,
       count(*) filter (where t.state = 'failed')::text as failed,
       count(*) filter (where t.state = 'canceled')::text as canceled,
       pg_catalog.date_part('epoch', max(t.wait) filter (where t.state = 'queued'))::text as longest_wait_s,
       pg_catalog.date_part('epoch', max(t.run) filter (where t.state = 'running'))::text as longest_run_s
from lantern.task_status as t
