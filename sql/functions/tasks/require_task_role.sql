-- lamplighter.require_task_role (caller)
-- Raises 28000 when the current role cannot log in: no worker could run its tasks.
create or replace function lamplighter.require_task_role() returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if not (select r.rolcanlogin from pg_roles as r where r.rolname = current_user) then
    raise exception 'role "%" is not permitted to log in', current_user using errcode = '28000',
      hint = format('A task runs in a session that logs in as the role that queued it. Queue it as a role with LOGIN, or: ALTER ROLE %I LOGIN.',
                    current_user);
  end if;
end
$$;
