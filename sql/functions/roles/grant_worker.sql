-- lamplighter.grant_worker (internal)
-- Lets a login run workers: it may execute the functions for workers, and touch no table. Run by the schema owner.
create or replace function lamplighter.grant_worker(p_role_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_role(p_role_name);
  execute format('grant usage on schema lamplighter to %I', p_role_name);
  execute format('grant select on lamplighter.migration, lamplighter.routine to %I', p_role_name);
  execute format(
    'grant select on lamplighter.embedding_status, lamplighter.embedding_failures, lamplighter.embedding_usage to %I', p_role_name);
  perform lamplighter.grant_functions(p_role_name, 'worker');
end
$$;
