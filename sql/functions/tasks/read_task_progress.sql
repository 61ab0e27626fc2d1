-- lamplighter.read_task_progress (caller)
-- How far the statement is that a backend runs: its phase, the percentage done, and when it may end, each null where it cannot be told. No
-- row where nothing is reported. is_hidden: the current role may not see it. Within one statement the percentage never falls: each phase
-- has a fixed share, and what restarts within a phase counts for nothing. Columns of the views are read by name, as some have come and
-- gone between versions.
create or replace function lamplighter.read_task_progress(p_pid integer) returns table (
  phase text,
  percent double precision,
  eta timestamptz,
  is_hidden boolean
)
language plpgsql stable strict security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_kind text;
  v_row jsonb;
  v_part double precision;
  v_query_start timestamptz;
begin
  select s.kind, s.progress
  into v_kind, v_row
  from (
    select 'index' as kind, to_jsonb(p) as progress from pg_stat_progress_create_index as p where p.pid = p_pid
    union all
    select 'vacuum', to_jsonb(p) from pg_stat_progress_vacuum as p where p.pid = p_pid
    union all
    select 'analyze', to_jsonb(p) from pg_stat_progress_analyze as p where p.pid = p_pid
    union all
    select 'cluster', to_jsonb(p) from pg_stat_progress_cluster as p where p.pid = p_pid
    union all
    select 'copy', to_jsonb(p) from pg_stat_progress_copy as p where p.pid = p_pid
  ) as s;
  if not found then
    return;
  end if;
  is_hidden := v_row ->> 'datid' is null or not exists (
    select
    from pg_stat_activity as a
    where a.pid = p_pid and (pg_has_role(a.usesysid, 'USAGE') or pg_has_role('pg_read_all_stats', 'USAGE')));
  if not is_hidden then
    phase := coalesce(v_row ->> 'phase', v_row ->> 'command');
    v_part := case v_kind
      when 'index' then lamplighter.read_index_progress(v_row)
      when 'vacuum' then lamplighter.read_vacuum_progress(v_row)
      when 'analyze' then lamplighter.read_analyze_progress(v_row)
      when 'cluster' then lamplighter.read_cluster_progress(v_row)
      else lamplighter.read_progress_part(v_row, 'bytes_processed', 'bytes_total')
    end;
    percent := round((v_part * 100)::numeric, 1);
    select a.query_start into v_query_start from pg_stat_activity as a where a.pid = p_pid;
    if v_part >= 0.01 then
      eta := v_query_start + (clock_timestamp() - v_query_start) / v_part;
    end if;
  end if;
  return next;
end
$$;

create or replace view lantern.task_status with (security_barrier) as
select
  r.jobid,
  r.job_name,
  r.username::text collate "default" as username,
  r.state::text collate "default" as state,
  case
    when r.state = 'queued' then case
      when s.concurrency is null then 'no worker runs tasks'
      when c.run_id is not null then 'cancel requested'
      when t.trouble is not null then t.trouble
      when r.not_before > clock_timestamp() then r.reason
      when s.running >= s.concurrency then 'all workers are busy'
    end
    when r.state = 'running' then case
      when c.run_id is not null then 'cancel requested'
      when p.is_hidden then format('progress is shown to those who have the rights of %I or pg_read_all_stats', r.username)
    end
    when not r.is_projected then r.reason
  end as reason,
  r.guarantee,
  r.queued_at,
  r.run_started_at,
  r.finished_at,
  coalesce(r.run_started_at, r.finished_at, clock_timestamp()) - r.queued_at as wait,
  coalesce(r.finished_at, clock_timestamp()) - r.run_started_at as run,
  r.attempt,
  r.worker_id as worker,
  case when r.state = 'running' then r.pid end as backend_pid,
  case when r.state = 'running' and r.pid is not null then pg_blocking_pids(r.pid) end as blocked_by,
  r.command_tag,
  r.row_count,
  p.phase as progress_phase,
  p.percent as progress_percent,
  p.eta,
  r.error_message
from lamplighter.task_run as r
cross join lateral (select pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = 'lantern.tasks'::regclass), 'USAGE')) as v (sees_all)
cross join lateral (
  select
    (select sum(w.concurrency) from lamplighter.task_worker as w join lamplighter.worker as l on l.worker_id = w.worker_id
     where w.concurrency > 0 and l.status in ('running', 'sleeping')
       and l.last_heartbeat > clock_timestamp() - make_interval(secs => l.lease_ms / 1000.0)) as concurrency,
    (select count(*) from lamplighter.task_run as o where o.state = 'running') as running
) as s
left join lateral (select f.run_id from lamplighter.task_cancel as f where f.run_id = r.run_id limit 1) as c
  on r.state in ('queued', 'running')
left join lateral (
  select case when bool_and(w.troubles ? r.username) then min(w.troubles ->> r.username) end as trouble
  from lamplighter.task_worker as w
  join lamplighter.worker as l on l.worker_id = w.worker_id
  where r.state = 'queued' and w.concurrency > 0 and l.status in ('running', 'sleeping')
    and l.last_heartbeat > clock_timestamp() - make_interval(secs => l.lease_ms / 1000.0)
) as t on true
left join lateral lamplighter.read_task_progress(case when r.state = 'running' then r.pid end) as p on true
where (r.username = current_user or v.sees_all) and not r.is_orphaned;

comment on view lantern.task_status is 'Async tasks as they stand: state, live progress, and why one waits. Each role sees its own; the schema owner sees all.';
comment on column lantern.task_status.jobid is 'What lantern.async_task() returned.';
comment on column lantern.task_status.job_name is 'The name that the caller gave it, if any.';
comment on column lantern.task_status.username is 'The role that queued it, and as which it runs.';
comment on column lantern.task_status.state is 'queued, running, succeeded, failed or canceled.';
comment on column lantern.task_status.reason is 'Why a queued task does not start, why the progress of a running one is not shown, or why an end is not in lantern.tasks.';
comment on column lantern.task_status.guarantee is 'exactly once or at most once; null before it runs.';
comment on column lantern.task_status.queued_at is 'When it was queued.';
comment on column lantern.task_status.run_started_at is 'When its session began to run it.';
comment on column lantern.task_status.finished_at is 'When it ended, in whatever way.';
comment on column lantern.task_status.wait is 'From queued_at until it ran, or until now.';
comment on column lantern.task_status.run is 'From run_started_at until its end, or until now.';
comment on column lantern.task_status.attempt is 'How often a worker took it.';
comment on column lantern.task_status.worker is 'The worker_id of the worker that runs or ran it.';
comment on column lantern.task_status.backend_pid is 'The backend that runs it, while it runs.';
comment on column lantern.task_status.blocked_by is 'The backends that it waits for, as pg_blocking_pids() says; empty when for none, null when it does not run.';
comment on column lantern.task_status.command_tag is 'The command tag of its last statement.';
comment on column lantern.task_status.row_count is 'Rows that its last statement returned or touched.';
comment on column lantern.task_status.progress_phase is 'The phase of its statement, as pg_stat_progress_* reports it.';
comment on column lantern.task_status.progress_percent is 'How much of its statement is done; null if PostgreSQL does not report it.';
comment on column lantern.task_status.eta is 'When its statement may end, at the pace so far.';
comment on column lantern.task_status.error_message is 'Why it failed or was canceled, as libpq prints it.';
