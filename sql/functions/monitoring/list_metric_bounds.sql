-- lamplighter.list_metric_bounds (caller, worker, monitor)
-- The upper bounds of the buckets of waits and runs, in seconds. What is stored goes by them: they never change.
create or replace function lamplighter.list_metric_bounds() returns double precision[]
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400]::double precision[]
$$;
