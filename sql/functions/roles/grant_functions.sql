-- lamplighter.grant_functions (internal)
-- Grants to the role the execution of each function for that audience.
create or replace function lamplighter.grant_functions(p_role_name text, p_audience text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid
    from lamplighter.routine as r
    join pg_namespace as n on n.nspname = r.schema_name
    join pg_proc as p on p.pronamespace = n.oid and p.proname = r.name
    where p_audience = any (r.audience)
      and p.proowner = (select own.nspowner from pg_namespace as own where own.nspname = 'lamplighter')
  loop
    execute format('grant execute on routine %s to %I', v_function, p_role_name);
  end loop;
end
$$;
