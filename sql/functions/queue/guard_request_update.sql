-- lamplighter.guard_request_update (internal)
-- What a role other than the owner may change: the priority of a pending request, and its status to cancelled, or from failed to pending;
-- retry_count goes with a retry. All else raises 42501.
create or replace function lamplighter.guard_request_update() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_expected public.steadytext_queue := old;
begin
  if pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = tg_relid), 'USAGE') then
    return new;
  end if;
  v_expected.status := new.status;
  v_expected.retry_count := new.retry_count;
  v_expected.priority := new.priority;
  if new is distinct from v_expected then
    raise exception 'Only status, retry_count and priority of a request can be changed' using errcode = '42501';
  end if;
  if new.priority <> old.priority and old.status <> 'pending' then
    raise exception 'The priority of a request can be changed while it is pending, not when it is %', old.status using errcode = '42501';
  end if;
  if new.status <> old.status
     and not (new.status = 'cancelled' and old.status in ('pending', 'processing'))
     and not (new.status = 'pending' and old.status = 'failed') then
    raise exception 'A request cannot go from % to %', old.status, new.status using errcode = '42501',
      hint = 'Allowed are pending or processing to cancelled, and failed to pending.';
  end if;
  return new;
end
$$;

create or replace trigger guard_update before update on public.steadytext_queue
  for each row
  when (row_security_active('public.steadytext_queue'::regclass)
        or not has_table_privilege('public.steadytext_queue'::regclass, 'UPDATE WITH GRANT OPTION'))
  execute function lamplighter.guard_request_update();
