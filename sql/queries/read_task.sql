-- Reads all of a task: $1 jobid, $2 whether with its text, of which $3 characters at most. One row: an object in JSON, without what is
-- null. No row when there is none that the role sees.
select pg_catalog.json_strip_nulls(pg_catalog.row_to_json(r))::pg_catalog.text as row
from (
  select t.jobid::pg_catalog.text as jobid, t.job_name as name, t.username as role, t.state, t.reason, t.queued_at as "queuedAt",
         t.run_started_at as "startedAt", t.finished_at as "finishedAt", t.progress_phase as phase, t.progress_percent as percent,
         extract(epoch from t.eta - pg_catalog.clock_timestamp()) * 1000::pg_catalog.numeric as "etaMs",
         coalesce(t.blocked_by, '{}'::integer[]) as "blockedBy", pg_catalog.left(t.error_message, 500) as error,
         t.error_message as "errorText", t.guarantee, t.attempt, t.worker as "workerId", t.backend_pid as "backendPid",
         t.command_tag as "commandTag", t.row_count::pg_catalog.text as "rowCount",
         case when $2::pg_catalog.bool then pg_catalog.left(l.query, $3::integer) end as text,
         case when $2::pg_catalog.bool then pg_catalog.left(pg_catalog.split_part(pg_catalog.ltrim(l.query, E' \n\t'), E'\n', 1), 200) end as query
  from lantern.task_status as t
  left join lantern.tasks as l on l.jobid = t.jobid
  where t.jobid = $1::bigint
  limit 1
) as r
