-- lamplighter.list_shared_names (internal)
-- The product's names in schemas where users have objects of their own, as public. What privileges are given on and what uninstall drops
-- there goes by them: users have names that begin alike.
create or replace function lamplighter.list_shared_names()
returns table (kind text, schema_name text, name text)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  values
    ('relation', 'public', 'steadytext_queue'),
    ('relation', 'public', 'steadytext_queue_id_seq'),
    ('relation', 'lantern', 'tasks'),
    ('relation', 'lantern', 'tasks_jobid_seq'),
    ('relation', 'lantern', 'task_status')
  union all
  select 'function', r.schema_name, r.name
  from lamplighter.routine as r
  where r.schema_name <> 'lamplighter'
$$;
