-- lamplighter.find_task_floor (caller)
-- The jobid of the p_rows-th task below p_before, of whatever role; null when there are fewer. See find_request_floor.
create or replace function lamplighter.find_task_floor(p_before bigint, p_rows integer) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set row_security = off as $$
  select r.jobid
  from lamplighter.task_run as r
  where r.jobid < p_before
  order by r.jobid desc
  offset p_rows - 1
  limit 1
$$;
