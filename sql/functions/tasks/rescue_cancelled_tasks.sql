-- lamplighter.rescue_cancelled_tasks (worker)
-- Finds running tasks of other workers whose cancel was requested more than p_after_ms ago: their workers may be dead or frozen, which takes
-- longer to prove. Returns each with the state that it has now: 'running' where its backend is still there (is_alive), with what a cancel
-- request takes. A task that ran inside a transaction of ours and whose backend is gone is settled: its outcome tells how. A task that ran
-- bare is not, as only its own worker knows whether it had succeeded before. Rows that somebody has locked are left for the next pass.
create or replace function lamplighter.rescue_cancelled_tasks(p_worker_id uuid, p_after_ms double precision) returns table (
  run_id bigint,
  jobid bigint,
  status text,
  username text,
  pid integer,
  cancel_key integer,
  backend_start timestamptz,
  is_alive boolean,
  is_cancelled boolean
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set row_security = off as $$
#variable_conflict use_column
declare
  v_run record;
begin
  perform lamplighter.require_own_worker(p_worker_id);
  is_cancelled := true;
  for v_run in
    select r.run_id, r.jobid, r.username, r.role_oid, r.pid, r.cancel_key, r.bare_at, r.backend_start, r.postmaster_start
    from lamplighter.task_run as r
    where r.state = 'running' and r.worker_id <> p_worker_id and r.pid is not null
      and exists (
        select
        from lamplighter.task_cancel as c
        where c.run_id = r.run_id and c.requested_at < clock_timestamp() - make_interval(secs => p_after_ms / 1000.0))
    order by r.run_id
    for no key update skip locked
  loop
    run_id := v_run.run_id;
    jobid := v_run.jobid;
    username := v_run.username;
    pid := v_run.pid;
    cancel_key := v_run.cancel_key;
    backend_start := v_run.backend_start;
    is_alive := lamplighter.is_task_backend_there(v_run.pid, v_run.role_oid, v_run.backend_start, v_run.postmaster_start);
    status := 'running';
    if not is_alive and v_run.bare_at is null then
      status := lamplighter.settle_lost_run(v_run.run_id, false, 'its worker was lost', 0);
    end if;
    return next;
  end loop;
end
$$;
