-- lamplighter.guard_task_truncate (internal)
-- Row-level security does not reach TRUNCATE.
create or replace function lamplighter.guard_task_truncate() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = tg_relid), 'USAGE') then
    return null;
  end if;
  raise exception 'Only the owner of lantern.tasks can truncate it' using errcode = '42501', hint = 'Delete your own ended tasks.';
end
$$;

create or replace trigger guard_truncate before truncate on lantern.tasks
  for each statement
  execute function lamplighter.guard_task_truncate();
