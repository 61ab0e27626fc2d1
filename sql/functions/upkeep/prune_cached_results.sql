-- lamplighter.prune_cached_results (worker)
-- Forgets cached answers whose request is gone or was run again, from p_after_key on; the last key looked at, null at the end.
create or replace function lamplighter.prune_cached_results(p_after_key bytea, p_limit integer) returns bytea
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
declare
  v_keys bytea[];
begin
  v_keys := array(
    select c.cache_key
    from lamplighter.cached_result as c
    where c.cache_key > p_after_key
    order by c.cache_key
    limit p_limit);
  delete from lamplighter.cached_result as c
  where c.cache_key = any (v_keys)
    and not exists (select 1 from public.steadytext_queue as q where q.id = c.id and q.completed_at = c.completed_at);
  return v_keys[p_limit];
end
$$;
