-- lamplighter.promote_requests (worker)
-- Makes ready the requests whose delay is over; how many.
create or replace function lamplighter.promote_requests(p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set row_security = off as $$
declare
  -- A constant, as a volatile function is no bound of an index scan.
  v_now constant timestamptz := clock_timestamp();
  v_promoted bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  with due as materialized (
    select q.id
    from public.steadytext_queue as q
    where q.run_at < '9000-01-01 00:00+00' and q.run_at <= v_now and q.status = 'pending'
    order by q.run_at
    limit p_limit
    for no key update skip locked
  )
  update public.steadytext_queue as q
  set run_at = null
  from due
  where q.id = due.id;
  get diagnostics v_promoted = row_count;
  return v_promoted;
end
$$;
