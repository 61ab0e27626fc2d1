-- lamplighter.find_request_floor (caller)
-- The id of the p_rows-th request below p_before, of whatever role; null when there are fewer. It bounds what a scan reads, also for a
-- role that sees few of them, and tells no more than the sequence of ids does.
create or replace function lamplighter.find_request_floor(p_before bigint, p_rows integer) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set row_security = off as $$
  select q.id
  from public.steadytext_queue as q
  where q.id < p_before
  order by q.id desc
  offset p_rows - 1
  limit 1
$$;
