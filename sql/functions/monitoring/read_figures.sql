-- lamplighter.read_figures (worker, monitor)
-- What waits and runs now, of all roles: see measure_figures.
create or replace function lamplighter.read_figures() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select lamplighter.measure_figures(null)
$$;
