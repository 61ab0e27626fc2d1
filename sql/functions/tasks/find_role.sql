-- lamplighter.find_role (internal)
-- The oid of the role of that name; null when there is none.
create or replace function lamplighter.find_role(p_name text) returns oid
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select r.oid from pg_roles as r where r.rolname = p_name
$$;
