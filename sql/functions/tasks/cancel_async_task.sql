-- lantern.cancel_async_task (caller)
create or replace function lantern.cancel_async_task(jobid bigint) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  insert into lamplighter.task_cancel (run_id)
  select r.run_id
  from lamplighter.task_run as r
  where r.jobid = cancel_async_task.jobid and r.jobid <> 0 and r.state in ('queued', 'running');
  return found;
end
$$;

comment on function lantern.cancel_async_task(bigint) is
  'Cancels a task of yours once you have committed; true when it had not ended. jobid: what async_task returned.';
