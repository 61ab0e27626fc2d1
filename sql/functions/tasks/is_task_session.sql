-- lamplighter.is_task_session (internal)
-- Whether this is the session that the worker noted for that attempt: its login, its backend, and the attempt's secret.
create or replace function lamplighter.is_task_session(p_run_id bigint, p_attempt integer, p_secret bytea) returns boolean
language sql stable security invoker set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off as $$
  select exists (
    select
    from lamplighter.task_run as r
    where r.run_id = p_run_id
      and r.state = 'running'
      and r.attempt = p_attempt
      and r.username = session_user
      and r.role_oid = lamplighter.find_role(session_user)
      and r.pid = pg_backend_pid()
      and r.secret_hash = sha256(p_secret))
$$;
