-- lamplighter.explain_queue_limit (internal)
-- How to raise the limit of pending requests: where the value was set that holds.
create or replace function lamplighter.explain_queue_limit() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select case
    when s.server_value is null then 'let the schema owner raise the limit: SELECT lamplighter.set(''max_queue_size'', ''50000'').'
    else format('raise the server''s setting steadytext.max_queue_size, which is %s and holds over lamplighter.set: ', s.server_value)
         || 'ALTER SYSTEM SET (then SELECT pg_reload_conf()), ALTER DATABASE SET or ALTER ROLE SET, where it was set.'
  end
  from lamplighter.setting as s
  where s.name = 'max_queue_size'
$$;
