-- lamplighter.is_delivery_session (internal)
-- Whether this session is the one that runs that task.
create or replace function lamplighter.is_delivery_session(p_run_id bigint) returns boolean
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from lamplighter.task_run as r
    where r.run_id = p_run_id and r.state = 'running' and r.pid = pg_backend_pid() and r.username = session_user
      and r.handler_id is not null)
$$;
