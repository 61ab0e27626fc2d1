-- lamplighter.note_task_session (worker)
-- Keeps which session runs an attempt, before it runs anything of the task: its backend (as pg_backend_pid() says there), the key for a
-- cancel request, when its backend and the server started, and the sha256 of the secret that it will show. False when the attempt is no
-- longer the worker's, or the task was cancelled: then it must not run.
create or replace function lamplighter.note_task_session(
  p_worker_id uuid,
  p_run_id bigint,
  p_attempt integer,
  p_pid integer,
  p_cancel_key integer,
  p_backend_start timestamptz,
  p_postmaster_start timestamptz,
  p_secret_hash bytea,
  p_guarantee text default 'exactly once'
) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set row_security = off as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_own_worker(p_worker_id);
  update lamplighter.task_run as r
  set pid = p_pid,
      cancel_key = p_cancel_key,
      backend_start = p_backend_start,
      postmaster_start = p_postmaster_start,
      stats_reset = pg_stat_get_bgwriter_stat_reset_time(),
      secret_hash = p_secret_hash,
      guarantee = p_guarantee,
      run_started_at = coalesce(r.run_started_at, clock_timestamp())
  where r.run_id = p_run_id and r.worker_id = p_worker_id and r.attempt = p_attempt and r.state = 'running'
    and not exists (select from lamplighter.task_cancel as c where c.run_id = p_run_id);
  return found;
end
$$;
