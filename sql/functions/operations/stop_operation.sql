-- lamplighter.stop_operation (caller)
-- Asks for an operation to stop before its next step; false when it has ended, or is not to be seen.
create or replace function lamplighter.stop_operation(p_operation_id bigint, p_user text, p_source text) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update lamplighter.operation as o
  set is_stop_requested = true
  where o.operation_id = p_operation_id and o.state = 'running';
  if not found then
    return false;
  end if;
  insert into lamplighter.audit (user_name, source, action, kind, filter, count)
  select p_user, p_source, 'stop ' || o.action || ' of all', o.kind, o.filter || jsonb_build_object('operation', o.operation_id::text), 0
  from lamplighter.operation as o
  where o.operation_id = p_operation_id;
  return true;
end
$$;
