-- lamplighter.grant_monitor (internal)
-- Lets a role see figures of all roles: how many, how long, of which function and model, and no text of anybody. It may execute functions
-- that tell these, and touch no table. Run by the schema owner.
create or replace function lamplighter.grant_monitor(p_role_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_role(p_role_name);
  execute format('grant usage on schema lamplighter to %I', p_role_name);
  execute format('grant select on lamplighter.migration, lamplighter.routine to %I', p_role_name);
  perform lamplighter.grant_functions(p_role_name, 'monitor');
end
$$;
