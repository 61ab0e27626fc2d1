-- Queues the texts of tasks once more: $1 jobids. A row for each, in their order: id, and new_id, the jobid of the new task; null where the
-- caller has no task of that id that failed or was canceled. See lamplighter.retry_task.
select i.id::text as id, lamplighter.retry_task(i.id)::text as new_id
from pg_catalog.unnest($1::bigint[]) with ordinality as i (id, position)
order by i.position
