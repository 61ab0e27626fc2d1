-- lantern.async_task (caller)
-- Without a pinned search_path, so that the one that is kept for the task is its caller's; every name in it is qualified.
create or replace function lantern.async_task(query text, job_name text default null) returns bigint
language sql volatile security invoker as $$
  insert into lantern.tasks (query, job_name) values (async_task.query, async_task.job_name) returning jobid
$$;

comment on function lantern.async_task(text, text) is
  'Queues a task and returns its jobid. It runs once the caller has committed. query: SQL, one statement or several. job_name: any name.';
