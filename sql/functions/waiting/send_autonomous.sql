-- lamplighter.send_autonomous (caller)
-- Queues a copy of the calling transaction's own uncommitted request outside of it, and returns the copy's request_id.
-- Whose request it is, is read from the row: after SET ROLE a definer function cannot tell who called.
create or replace function lamplighter.send_autonomous(p_origin_id uuid) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_origin public.steadytext_queue;
  v_xmin xid;
  v_dblink_schema name;
  v_has_dsn constant boolean := exists (select 1 from lamplighter.loopback);
  v_request_id uuid := gen_random_uuid();
  v_sent uuid;
begin
  select q.* into v_origin from public.steadytext_queue as q where q.request_id = p_origin_id;
  select q.xmin into v_xmin from public.steadytext_queue as q where q.request_id = p_origin_id;
  if v_xmin is null or not lamplighter.is_own_write(v_xmin) or v_origin.status <> 'pending' then
    raise exception 'Request % was not queued by this transaction', p_origin_id using errcode = '55000';
  end if;
  select n.nspname into v_dblink_schema
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'dblink';
  if not v_has_dsn or v_dblink_schema is null then
    raise exception 'Request % was queued by this transaction, which has not committed: no worker can see it yet', p_origin_id
      using errcode = '55000',
      detail = case when not v_has_dsn then 'No loopback connection is set.' else 'The extension dblink is not installed.' end,
      hint = 'Commit before you wait. To queue and wait in one transaction, CREATE EXTENSION dblink and let the schema owner '
             || 'run: lamplighter migrate --loopback DSN.';
  end if;
  perform pg_advisory_xact_lock(lamplighter.autonomous_lock_key(v_request_id));
  -- The DSN goes from its row to dblink and never through a variable: those are constants in the plan, and any caller may have
  -- the plans of its session sent to it (debug_print_plan, client_min_messages).
  begin
    execute format(
      'select t.request_id from lamplighter.loopback as l cross join lateral %I.dblink(l.dsn, $1) as t (request_id uuid)',
      v_dblink_schema)
    into v_sent
    using format(
      'select lamplighter.enqueue_autonomous(%L, %L, %L, %L, %L, %L, %L, %L, %L)',
      v_request_id, v_origin.request_id, v_origin.username, v_origin.function_name, v_origin.parameters, v_origin.priority,
      v_origin.model, v_origin.traceparent, lamplighter.read_task_origin());
  exception
    when configuration_limit_exceeded then
      raise;
    when others then
      raise exception 'The loopback connection failed: %', sqlerrm using errcode = '55000',
        hint = 'Commit before you wait, or let the schema owner set a DSN that works: lamplighter migrate --loopback DSN.';
  end;
  return v_sent;
end
$$;
