-- lamplighter.count_waiting (worker)
-- How many requests wait in each of the lanes (pairs of function and model), ready or delayed, as far as p_most in all of each kind.
create or replace function lamplighter.count_waiting(p_function_names text[], p_models text[], p_most integer)
returns table (function_name text, model text, waiting bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set row_security = off as $$
  with delayed as materialized (
    select q.function_name, q.model
    from public.steadytext_queue as q
    where q.run_at < '9000-01-01 00:00+00' and q.status = 'pending'
    limit p_most
  )
  select l.function_name, l.model,
         (select count(*)
          from (
            select from public.steadytext_queue as q
            where q.run_at is null and q.status = 'pending' and q.function_name = l.function_name and q.model = l.model
            limit p_most
          ) as ready)
         + (select count(*) from delayed as d where d.function_name = l.function_name and d.model = l.model)
  from unnest(p_function_names, p_models) as l (function_name, model)
$$;
