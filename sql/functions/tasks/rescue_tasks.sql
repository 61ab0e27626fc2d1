-- lamplighter.rescue_tasks (worker)
-- Settles the tasks that were in flight with dead workers, see settle_lost_run. Returns each with the state that it has now: 'running' where
-- its backend is still there (is_alive), with what a cancel request takes, and whether its cancel was requested: then any worker that can
-- should end it. Rows that somebody has locked are left for the next pass.
create or replace function lamplighter.rescue_tasks(p_worker_id uuid) returns table (
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
  for v_run in
    select r.run_id, r.jobid, r.username, r.pid, r.cancel_key, r.backend_start
    from lamplighter.task_run as r
    where r.state = 'running'
      and not exists (
        select from lamplighter.worker as w where w.worker_id = r.worker_id and w.status in ('running', 'sleeping', 'stopping'))
    order by r.run_id
    for no key update skip locked
  loop
    run_id := v_run.run_id;
    jobid := v_run.jobid;
    username := v_run.username;
    pid := v_run.pid;
    cancel_key := v_run.cancel_key;
    backend_start := v_run.backend_start;
    is_cancelled := exists (select from lamplighter.task_cancel as c where c.run_id = v_run.run_id);
    status := lamplighter.settle_lost_run(v_run.run_id, true, 'its worker was lost', 0);
    is_alive := status = 'running';
    return next;
  end loop;
end
$$;
