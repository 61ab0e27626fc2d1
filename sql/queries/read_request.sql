-- Reads all of a request: $1 request id, $2 whether with its payload, of which $3 characters at most. One row: an object in JSON, without
-- what is null, and waits_for, which says what stands in its way. No row when there is none that the role sees.
select pg_catalog.json_strip_nulls(pg_catalog.row_to_json(r))::pg_catalog.text as row,
       case when r.status = 'pending' then lamplighter.explain_wait(r."functionName", r.model, case when $2::pg_catalog.bool then r."errorText" end) end as waits_for
from (
  select q.id::pg_catalog.text as id, q.request_id as "requestId", q.function_name as "functionName", q.model, q.status, q.priority,
         q.username as role, q.created_at as "createdAt", q.started_at as "startedAt", q.completed_at as "completedAt",
         q.retry_count as "retryCount", q.attempt, q.batch_id as "batchId", q.worker_id as "workerId",
         pg_catalog.left(q.error, 500) as error, pg_catalog.left(q.error, 100000) as "errorText",
         case when q.run_at < '9000-01-01 00:00+00'::pg_catalog.timestamptz then q.run_at end as "runAt",
         case when $2::pg_catalog.bool then pg_catalog.left(pg_catalog.jsonb_pretty(q.parameters), $3::integer) end as parameters,
         case when $2::pg_catalog.bool then pg_catalog.left(q.result, $3::integer) end as result,
         pg_catalog.length(pg_catalog.jsonb_pretty(q.parameters)) as "parametersLength", pg_catalog.length(q.result) as "resultLength",
         q.traceparent
  from public.steadytext_queue as q
  where q.request_id = $1::pg_catalog.uuid
) as r
