-- lamplighter.list_task_cancels (worker)
-- Running tasks of the worker that somebody wants cancelled.
create or replace function lamplighter.list_task_cancels(p_worker_id uuid) returns table (run_id bigint, attempt integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off as $$
begin
  perform lamplighter.require_own_worker(p_worker_id);
  return query
    select r.run_id, r.attempt
    from lamplighter.task_run as r
    where r.state = 'running' and r.worker_id = p_worker_id
      and exists (select from lamplighter.task_cancel as c where c.run_id = r.run_id)
    order by r.run_id;
end
$$;
