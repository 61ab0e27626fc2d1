-- Reads requests by $1 ids, newest first. One row: an array in JSON, in which what is null is left out.
select pg_catalog.json_strip_nulls(coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json))::pg_catalog.text as rows
from (
  select q.id::pg_catalog.text as id, q.request_id as "requestId", q.function_name as "functionName", q.model, q.status, q.priority,
         q.username as role, q.created_at as "createdAt", q.started_at as "startedAt", q.completed_at as "completedAt",
         q.retry_count as "retryCount", q.attempt, q.batch_id as "batchId", q.worker_id as "workerId",
         pg_catalog.left(q.error, 500) as error
  from public.steadytext_queue as q
  where q.id = any ($1::bigint[])
  order by q.id desc
) as r
