-- lamplighter.enqueue_operation (caller)
-- Begins to do something to all requests or tasks that match a filter and are queued by now, with the rights of who asks, and returns its
-- number. p_expected_count: how many there were when whoever asks was asked. p_user: the user of the dashboard, or null.
create or replace function lamplighter.enqueue_operation(
  p_kind text,
  p_action text,
  p_filter jsonb,
  p_expected_count bigint,
  p_user text,
  p_source text
) returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_top constant bigint := 9223372036854775807;
  v_operation_id bigint;
begin
  insert into lamplighter.operation as o (role_oid, started_by, source, kind, action, filter, expected_count, scan_before)
  select r.oid, p_user, p_source, p_kind, p_action, p_filter, p_expected_count,
         coalesce(case p_kind when 'requests' then lamplighter.find_request_floor(v_top, 1) else lamplighter.find_task_floor(v_top, 1) end, 0) + 1
  from pg_roles as r
  where r.rolname = current_user
  returning o.operation_id into v_operation_id;
  insert into lamplighter.audit (user_name, source, action, kind, filter, count)
  values (p_user, p_source, 'begin ' || p_action || ' of all', p_kind, p_filter || jsonb_build_object('operation', v_operation_id::text), p_expected_count);
  return v_operation_id;
end
$$;
