-- lamplighter.guard_request_truncate (internal)
-- Row-level security does not reach TRUNCATE.
create or replace function lamplighter.guard_request_truncate() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = tg_relid), 'USAGE') then
    return null;
  end if;
  raise exception 'Only the owner of steadytext_queue can truncate it' using errcode = '42501',
    hint = 'Delete your own requests, or call steadytext_prune.';
end
$$;

create or replace trigger guard_truncate before truncate on public.steadytext_queue
  for each statement
  execute function lamplighter.guard_request_truncate();
