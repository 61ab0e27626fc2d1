-- lamplighter.settle_stray_tasks (worker)
-- Ends queued tasks that nobody is to run: of a role that was dropped (canceled) or renamed, and those of a copied database (failed).
-- Returns how many. What somebody has locked is left for the next time. Cancels go as well that were committed after their task had ended.
create or replace function lamplighter.settle_stray_tasks() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set row_security = off as $$
declare
  v_run record;
  v_count integer := 0;
begin
  for v_run in
    select r.run_id, r.username, r.origin <> lamplighter.read_task_origin() as is_copy, p.rolname
    from lamplighter.task_run as r
    left join pg_roles as p on p.oid = r.role_oid
    where r.state = 'queued' and (p.rolname is distinct from r.username or r.origin <> lamplighter.read_task_origin())
    order by r.run_id
    limit 1000
    for no key update of r skip locked
  loop
    if v_run.is_copy then
      perform lamplighter.finish_run(v_run.run_id, 'failed', 'the task was queued in another database, of which this one is a copy');
    elsif v_run.rolname is null then
      perform lamplighter.finish_run(v_run.run_id, 'canceled', 'Role dropped');
    else
      perform lamplighter.finish_run(v_run.run_id, 'failed', format('role "%s" was renamed to "%s"', v_run.username, v_run.rolname));
    end if;
    v_count := v_count + 1;
  end loop;
  delete from lamplighter.task_cancel as c
  where not exists (select from lamplighter.task_run as r where r.run_id = c.run_id and r.finished_at is null);
  update lamplighter.handler as h
  set is_dropped = true
  where not h.is_dropped and not exists (select from pg_roles as p where p.oid = h.role_oid and p.rolname = h.username);
  return v_count;
end
$$;
