-- lamplighter.claim_upkeep (worker)
-- Claims the upkeep of the queue, which is due twice a second, and tells what there is to do: promote what is due, cancel what is
-- abandoned, measure the queue. Where requests are ready now and were at the last scan (p_was_ready), it has the workers scan by
-- itself, once a second at most, as their wake-up may have been missed.
-- next_ms is when to ask again. The worker that has the upkeep asks twice a second. The others take turns, by their place among the workers
-- that are alive: all together they ask once a second, so that one of them notices in time that the upkeep is late.
create or replace function lamplighter.claim_upkeep(p_worker_id uuid, p_was_ready boolean)
returns table (
  is_claimed boolean,
  has_due boolean,
  has_autonomous boolean,
  is_near_limit boolean,
  is_ready boolean,
  next_ms double precision
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_limit bigint;
  v_place integer;
  v_others integer;
  v_turn_ms double precision;
  v_lanes text[];
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_own_worker(p_worker_id);
  is_claimed := lamplighter.claim_duties(p_worker_id, array['upkeep'], array[500]) <> '{}';
  if not is_claimed
     and not exists (select 1 from lamplighter.duty as d where d.name = 'upkeep' and d.worker_id = p_worker_id) then
    select count(*), count(*) filter (where w.worker_id < p_worker_id)
    into v_others, v_place
    from lamplighter.worker as w
    where w.kind = 'worker'
      and w.status in ('running', 'sleeping', 'stopping')
      and w.last_heartbeat > v_now - make_interval(secs => w.lease_ms / 1000.0)
      and w.worker_id not in (select d.worker_id from lamplighter.duty as d where d.name = 'upkeep');
    v_turn_ms := greatest(v_others, 1) * 1000 - 500;
    next_ms := v_place * 1000 - (extract(epoch from v_now) * 1000)::numeric % v_turn_ms::numeric;
    if next_ms < 250 then
      next_ms := next_ms + v_turn_ms;
    end if;
    next_ms := greatest(next_ms, 250);
    return next;
    return;
  end if;
  next_ms := 500;
  if is_claimed then
    has_due := exists (
      select 1 from public.steadytext_queue as q
      where q.run_at < '9000-01-01 00:00+00' and q.run_at <= v_now and q.status = 'pending'
      order by q.run_at);
    has_autonomous := exists (select 1 from lamplighter.autonomous_request);
    v_limit := lamplighter.effective_setting('max_queue_size');
    is_near_limit := v_limit > 0 and lamplighter.read_pending_bound() not between 0 and v_limit / 2;
    v_lanes := array(
      select distinct lane
      from lamplighter.worker as w, unnest(w.lanes) as lane
      where w.status = 'running' and w.last_heartbeat > v_now - make_interval(secs => w.lease_ms / 1000.0));
    is_ready := exists (
      select 1 from lamplighter.list_ready(
        array(select split_part(lane, ':', 1) from unnest(v_lanes) with ordinality as l (lane, at) order by at),
        array(select substr(lane, strpos(lane, ':') + 1) from unnest(v_lanes) with ordinality as l (lane, at) order by at),
        1));
    if is_ready and p_was_ready and pg_notification_queue_usage() < 0.9 then
      perform pg_notify('lamplighter_wake', 'requests:scan');
      is_ready := false;
    end if;
  end if;
  return next;
end
$$;
