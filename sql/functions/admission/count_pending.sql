-- lamplighter.count_pending (internal)
-- Counts pending requests, up to p_limit of each kind, on the partial indexes; the few that are rescued are not among them.
create or replace function lamplighter.count_pending(p_limit bigint) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set row_security = off as $$
  select (select count(*)
          from (select 1 from public.steadytext_queue where run_at is null limit p_limit) as ready)
       + (select count(*)
          from (select 1 from public.steadytext_queue where run_at < '9000-01-01 00:00+00' limit p_limit) as delayed)
$$;
