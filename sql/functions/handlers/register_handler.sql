-- lamplighter.register_handler (caller)
-- Registers a handler for the current role; the same one again keeps its id. The function is kept by name, as one that is replaced is
-- still meant.
create or replace function lamplighter.register_handler(p_handler regprocedure, p_function_name text, p_search_path text) returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_function record;
  v_handler_id bigint;
begin
  perform lamplighter.require_task_role();
  select p.proname, n.nspname, p.pronargs = 1 as takes_payload,
         p.prokind = 'f' and (p.pronargs = 0 or (p.pronargs = 1 and p.proargtypes[0] = 'jsonb'::regtype)) as is_callable
  into v_function
  from pg_proc as p
  join pg_namespace as n on n.oid = p.pronamespace
  where p.oid = p_handler;
  if v_function.is_callable is not true then
    raise exception 'A handler is a function without arguments, or with one of type jsonb: got %', coalesce(p_handler::text, 'NULL')
      using errcode = '22023';
  end if;
  if not has_function_privilege(p_handler, 'EXECUTE') then
    raise exception 'permission denied for function %', p_handler using errcode = '42501';
  end if;
  if p_function_name is not null
     and p_function_name not in ('generate', 'embed', 'generate_json', 'generate_regex', 'generate_choice', 'rerank') then
    raise exception 'Unknown function "%"', p_function_name using errcode = '22023';
  end if;
  insert into lamplighter.handler (role_oid, function_schema, function_identity, takes_payload, function_name, search_path)
  select r.oid, v_function.nspname, v_function.proname, v_function.takes_payload, coalesce(p_function_name, ''), p_search_path
  from pg_roles as r
  where r.rolname = current_user
  on conflict (username, function_schema, function_identity, takes_payload, function_name) where not is_dropped do nothing
  returning handler_id into v_handler_id;
  if v_handler_id is null then
    select h.handler_id into v_handler_id
    from lamplighter.handler as h
    where not h.is_dropped and h.username = current_user and h.function_schema = v_function.nspname and h.function_identity = v_function.proname
      and h.takes_payload = v_function.takes_payload and h.function_name = coalesce(p_function_name, '');
  end if;
  return v_handler_id;
end
$$;
