-- lamplighter.prune_after_delete (internal)
-- What the private schema keeps of a task goes with its row. One that is unfinished, which only the owner can delete, is cancelled, and goes when
-- it has ended. Calls of completion handlers have no row there, and go on.
create or replace function lamplighter.prune_after_delete() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from lamplighter.task_run as r where r.state not in ('queued', 'running');
    update lamplighter.task_run as r set is_orphaned = true where r.state in ('queued', 'running');
    insert into lamplighter.task_cancel (run_id)
    select r.run_id from lamplighter.task_run as r where r.state in ('queued', 'running') and r.handler_id is null order by r.run_id;
  else
    delete from lamplighter.task_run as r where r.jobid = old.jobid and r.state not in ('queued', 'running');
    if old.status is null then
      update lamplighter.task_run as r set is_orphaned = true where r.jobid = old.jobid;
      insert into lamplighter.task_cancel (run_id) select r.run_id from lamplighter.task_run as r where r.jobid = old.jobid;
    end if;
  end if;
  return null;
end
$$;

create or replace trigger prune_after_delete after delete on lantern.tasks
  for each row
  execute function lamplighter.prune_after_delete();

create or replace trigger prune_after_truncate after truncate on lantern.tasks
  for each statement
  execute function lamplighter.prune_after_delete();
