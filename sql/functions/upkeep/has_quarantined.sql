-- lamplighter.has_quarantined (internal)
-- True when claim_quarantined may have something for a worker of these lanes ('function:model'): paused functions, other lanes and what
-- somebody already runs do not count.
create or replace function lamplighter.has_quarantined(p_lanes text[]) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select exists (
    select 1
    from public.steadytext_queue as q
    where q.id = any (array(select d.id from lamplighter.quarantine as d where d.deaths >= 2))
      and q.status = 'pending' and q.run_at = '9000-01-01 00:00+00'
      and q.function_name || ':' || q.model = any (p_lanes)
      and not exists (select 1 from lamplighter.paused_function as p where p.function_name = q.function_name))
$$;
