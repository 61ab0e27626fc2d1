-- Reads tasks by $1 jobids, newest first; $2 whether with the first line of their texts. One row: an array in JSON, in which what is null
-- is left out.
select pg_catalog.json_strip_nulls(coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json))::pg_catalog.text as rows
from (
  select t.jobid::pg_catalog.text as jobid, t.job_name as name, t.username as role, t.state, t.reason, t.queued_at as "queuedAt",
         t.run_started_at as "startedAt", t.finished_at as "finishedAt", t.progress_phase as phase, t.progress_percent as percent,
         extract(epoch from t.eta - pg_catalog.clock_timestamp()) * 1000::pg_catalog.numeric as "etaMs",
         coalesce(t.blocked_by, '{}'::integer[]) as "blockedBy",
         case when $2::pg_catalog.bool then (
           select pg_catalog.left(pg_catalog.split_part(pg_catalog.ltrim(l.query, E' \n\t'), E'\n', 1), 200)
           from lantern.tasks as l
           where l.jobid = t.jobid
         ) end as query,
         pg_catalog.left(t.error_message, 500) as error
  from lantern.task_status as t
  where t.jobid = any ($1::bigint[])
  order by t.jobid desc
) as r
