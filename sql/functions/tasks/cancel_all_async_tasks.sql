-- lantern.cancel_all_async_tasks (caller)
create or replace function lantern.cancel_all_async_tasks() returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_count bigint;
begin
  -- In order of run_id, which is the lock order of those that are queued. Calls of completion handlers, under jobid 0, are no tasks.
  insert into lamplighter.task_cancel (run_id)
  select r.run_id
  from lamplighter.task_run as r
  where r.username = current_user and r.state in ('queued', 'running') and r.jobid <> 0
  order by r.run_id;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function lantern.cancel_all_async_tasks() is
  'Cancels your unfinished tasks once you have committed, those of the roles that you may see excepted; returns how many there were.';
