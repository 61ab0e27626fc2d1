-- lamplighter.list_pauses (caller, worker, monitor)
-- The functions that are paused, since when and by whom.
create or replace function lamplighter.list_pauses() returns table (function_name text, paused_at timestamptz, paused_by text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select p.function_name, p.paused_at, p.paused_by
  from lamplighter.paused_function as p
  order by p.function_name
$$;
