-- lamplighter.read_task_origin (internal)
-- The database and the table that a task belongs to. In a copy (a restored dump, a database made from a template) at least one of them differs;
-- pg_upgrade keeps both.
create or replace function lamplighter.read_task_origin() returns text
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select format('%s/%s', d.oid, 'lamplighter.task_run'::regclass::oid) from pg_database as d where d.datname = current_database()
$$;
