-- lamplighter.settle_hours (internal)
-- Puts hours of requests right that are final, after something was counted into their minutes: of pairs of lanes and hours, those that are
-- no more summed up by compact_metrics. An hour that nobody measured stays a gap. Lock order: hours.
create or replace function lamplighter.settle_hours(p_lanes integer[], p_hours timestamptz[]) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_final constant timestamptz := date_bin('1 hour', clock_timestamp(), 'epoch') - interval '2 hours';
begin
  if (select min(c.hour) from unnest(p_hours) as c (hour)) >= v_final then
    return;
  end if;
  insert into lamplighter.metric_hour as h (lane, hour, enqueued, completed, failed, cancelled, retries, waits, runs)
  select distinct c.lane, c.hour, 0, 0, 0, 0, 0, '{}'::integer[], '{}'::integer[]
  from unnest(p_lanes, p_hours) as c (lane, hour)
  where c.hour < v_final
    and exists (
      select
      from lamplighter.metric_lane as t
      join lamplighter.metric_hour as m on m.lane = t.id and m.hour = c.hour
      where t.system = 'requests' and t.function_name = '' and t.model = '')
  order by c.lane, c.hour
  -- Locks the row, so that what follows sees the minutes of all who had it before.
  on conflict on constraint metric_hour_pkey do update set enqueued = h.enqueued where false;
  update lamplighter.metric_hour as h
  set enqueued = o.enqueued
  from (select distinct c.lane, c.hour from unnest(p_lanes, p_hours) as c (lane, hour) where c.hour < v_final) as c
  cross join lateral (
    select sum(greatest(m.enqueued, m.seen)) as enqueued
    from lamplighter.metric_minute as m
    where m.lane = c.lane and m.minute >= c.hour and m.minute < c.hour + interval '1 hour'
  ) as o
  where h.lane = c.lane and h.hour = c.hour and o.enqueued > h.enqueued;
end
$$;
