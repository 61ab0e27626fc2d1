-- lamplighter.retry_task (caller)
-- Queues the text of a task of the current role that failed or was canceled once more: a new task of the same name, with the search_path of
-- the former. Returns its jobid; null when the role has no such task.
create or replace function lamplighter.retry_task(p_jobid bigint) returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_task record;
  v_jobid bigint;
begin
  select t.query, t.job_name, coalesce(r.search_path, 'public') as search_path
  into v_task
  from lantern.tasks as t
  left join lamplighter.task_run as r on r.jobid = t.jobid
  where t.jobid = p_jobid and t.username = current_user and t.status in ('failed', 'canceled');
  if not found then
    return null;
  end if;
  -- Kept with the task; it holds until the function returns, so that what follows is qualified.
  perform set_config('search_path', v_task.search_path, true);
  insert into lantern.tasks (query, job_name) values (v_task.query, v_task.job_name) returning jobid into v_jobid;
  return v_jobid;
end
$$;
