-- lamplighter.lookup_cached_results (worker)
-- The results of completed requests that equal requests may share.
create or replace function lamplighter.lookup_cached_results(p_cache_keys bytea[])
returns table (cache_key bytea, result text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select c.cache_key, q.result
  from lamplighter.cached_result as c
  join public.steadytext_queue as q on q.id = c.id and q.completed_at = c.completed_at
  where c.cache_key = any (p_cache_keys)
    and q.status = 'completed' and q.result is not null
$$;
