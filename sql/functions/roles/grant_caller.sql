-- lamplighter.grant_caller (internal)
-- Lets a role queue requests and use its own. Run by the schema owner. Returns what the owner should know, or null.
-- Who was granted what is read from the privileges themselves, so that what was taken back stays so, and a role that was dropped and
-- made again has nothing.
create or replace function lamplighter.grant_caller(p_role_name text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_is_new boolean;
  v_requests bigint := 0;
  v_tasks bigint := 0;
  v_schema name;
begin
  perform lamplighter.require_role(p_role_name);
  v_is_new := not has_table_privilege(p_role_name, 'public.steadytext_queue', 'SELECT');
  execute format('grant usage on schema lamplighter to %I', p_role_name);
  -- Where a schema belongs to somebody else, only that owner can give its use; migrate says so.
  for v_schema in
    select n.nspname
    from pg_namespace as n
    where n.nspname <> 'public'
      and n.nspname in (select s.schema_name from lamplighter.list_shared_names() as s)
      and has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
  loop
    execute format('grant usage on schema %I to %I', v_schema, p_role_name);
  end loop;
  execute format(
    'grant select, delete, insert, update (status, retry_count, priority) on public.steadytext_queue to %I', p_role_name);
  -- What steadytext_worker_status() shows, and the lease that it judges by.
  execute format(
    'grant select (worker_id, kind, hostname, pid, status, version, functions, concurrency, lease_ms, in_flight, processed, failed,
       started_at, last_heartbeat)
     on lamplighter.worker to %I', p_role_name);
  execute format('grant select, delete, insert (query, job_name) on lantern.tasks to %I', p_role_name);
  execute format('grant usage on sequence lantern.tasks_jobid_seq to %I', p_role_name);
  execute format('grant select on lantern.task_status to %I', p_role_name);
  -- What cancelling and retrying read and write; row-level security keeps it to the role's own unfinished tasks.
  execute format('grant select (run_id, jobid, username, state, search_path) on lamplighter.task_run to %I', p_role_name);
  execute format('grant insert (run_id) on lamplighter.task_cancel to %I', p_role_name);
  execute format(
    'grant select on lamplighter.embedding_status, lamplighter.embedding_failures, lamplighter.embedding_usage,
       lamplighter.search_target to %I', p_role_name);
  -- Handlers and their failures; row-level security keeps all of it to the role's own.
  execute format(
    'grant select, update (is_dropped), insert (role_oid, function_schema, function_identity, takes_payload, function_name, search_path)
     on lamplighter.handler to %I', p_role_name);
  execute format('grant select, update (attempts, failed_at) on lamplighter.delivery to %I', p_role_name);
  execute format('grant select on lamplighter.handler_failures to %I', p_role_name);
  -- What is done to all that match, and who did what; row-level security keeps it to the role's own.
  execute format(
    'grant select, update (is_stop_requested), insert (role_oid, started_by, source, kind, action, filter, expected_count, scan_before)
     on lamplighter.operation to %I', p_role_name);
  execute format(
    'grant select, insert (user_name, source, action, kind, filter, count) on lamplighter.audit to %I', p_role_name);
  perform lamplighter.grant_functions(p_role_name, 'caller');
  if v_is_new then
    select count(*) into v_requests from public.steadytext_queue as q where q.username = p_role_name;
    select count(*) into v_tasks from lantern.tasks as t where t.username = p_role_name;
  end if;
  if v_requests > 0 or v_tasks > 0 then
    return format(
      'The role %1$I now sees what a role of that name queued earlier (requests: %2$s, tasks: %3$s). If that was somebody else, delete it: '
      'DELETE FROM steadytext_queue WHERE username = %1$L; DELETE FROM lantern.tasks WHERE username = %1$L',
      p_role_name, v_requests, v_tasks);
  end if;
  return null;
end
$$;
