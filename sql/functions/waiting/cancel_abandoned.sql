-- lamplighter.cancel_abandoned (worker)
-- Cancels autonomous rows that nobody waits for any more, and forgets those that have ended; how many are left.
create or replace function lamplighter.cancel_abandoned() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
declare
  v_left bigint;
begin
  if not exists (select 1 from lamplighter.autonomous_request) then
    return 0;
  end if;
  with held as materialized (
    select (l.classid::bigint << 32) | l.objid::bigint as lock_key
    from pg_locks as l
    where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
  ), abandoned as materialized (
    select q.id
    from lamplighter.autonomous_request as a
    join public.steadytext_queue as q on q.request_id = a.request_id
    where q.status in ('pending', 'processing')
      and lamplighter.autonomous_lock_key(a.request_id) not in (select h.lock_key from held as h)
    order by q.id
    for no key update of q skip locked
  )
  update public.steadytext_queue as q
  set status = 'cancelled',
      error = 'The transaction that waited for this request has ended'
  from abandoned
  where q.id = abandoned.id;
  delete from lamplighter.autonomous_request as a
  where not exists (
    select 1 from public.steadytext_queue as q where q.request_id = a.request_id and q.status in ('pending', 'processing'));
  select count(*) into v_left from lamplighter.autonomous_request;
  return v_left;
end
$$;
