-- lamplighter.require_role (internal)
-- Refuses what GRANT would take for something else than the role of that name.
create or replace function lamplighter.require_role(p_role_name text) returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if p_role_name in ('public', 'none') then
    raise exception 'Nothing is granted to everybody: expected the name of a role, got "%"', p_role_name using errcode = '22023';
  end if;
  if not exists (select 1 from pg_roles as r where r.rolname = p_role_name) then
    raise exception 'role "%" does not exist', p_role_name using errcode = '42704';
  end if;
end
$$;
