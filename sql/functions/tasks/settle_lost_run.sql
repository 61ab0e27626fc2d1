-- lamplighter.settle_lost_run (internal)
-- Decides on a run, which its caller has locked, whose session was lost without a verdict: 'running' while its backend is still there;
-- else succeeded where the outcome is there, failed where it was run bare, canceled where somebody asked for that, failed at the third
-- charge, queued again otherwise. An attempt that the server crashed in counts twice: its text may be what brings the server down.
create or replace function lamplighter.settle_lost_run(p_run_id bigint, p_is_charged boolean, p_reason text, p_delay_ms double precision)
returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_run record;
  v_charge integer;
begin
  select r.* into v_run from lamplighter.task_run as r where r.run_id = p_run_id;
  -- Who is connected is looked up once a transaction otherwise, and a session may have been noted since.
  perform pg_stat_clear_snapshot();
  if lamplighter.is_task_backend_there(v_run.pid, v_run.role_oid, v_run.backend_start, v_run.postmaster_start) then
    return 'running';
  end if;
  if exists (select from lamplighter.task_outcome as o where o.run_id = p_run_id) then
    perform lamplighter.finish_run(p_run_id, 'succeeded');
    return 'succeeded';
  end if;
  if exists (select from lamplighter.task_cancel as c where c.run_id = p_run_id) then
    perform lamplighter.finish_run(p_run_id, 'canceled', 'Canceled by user');
    return 'canceled';
  end if;
  if v_run.bare_at is not null then
    perform lamplighter.finish_run(p_run_id, 'failed', 'worker lost while running a statement that cannot be retried');
    return 'failed';
  end if;
  v_charge := v_run.charge + case
    when v_run.pid is null or not p_is_charged then 0
    when v_run.stats_reset is distinct from pg_stat_get_bgwriter_stat_reset_time() then 2
    else 1
  end;
  if v_charge >= 3 and v_charge > v_run.charge then
    update lamplighter.task_run as r set charge = v_charge where r.run_id = p_run_id;
    perform lamplighter.finish_run(p_run_id, 'failed', 'the worker or the server was lost each time the task ran, and it is not run again');
    return 'failed';
  end if;
  update lamplighter.task_run as r
  set state = 'queued',
      charge = v_charge,
      worker_id = null,
      pid = null,
      cancel_key = null,
      secret_hash = null,
      run_started_at = null,
      guarantee = null,
      reason = p_reason,
      not_before = case when p_delay_ms > 0 then clock_timestamp() + make_interval(secs => p_delay_ms / 1000.0) end
  where r.run_id = p_run_id;
  perform lamplighter.wake_workers('tasks');
  return 'queued';
end
$$;
