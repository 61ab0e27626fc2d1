-- lamplighter.guard_request_username (internal)
-- Refuses a request in the name of another role than the one that inserts it, but from the owner.
create or replace function lamplighter.guard_request_username() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'A request belongs to the role that queues it: expected username "%", got "%"', current_user, new.username
    using errcode = '42501';
end
$$;

-- Before guard_insert, by its name, which relies on the username.
create or replace trigger guard_caller before insert on public.steadytext_queue
  for each row
  when (new.username <> current_user
        and (row_security_active('public.steadytext_queue'::regclass)
             or not has_table_privilege('public.steadytext_queue'::regclass, 'INSERT WITH GRANT OPTION')))
  execute function lamplighter.guard_request_username();
