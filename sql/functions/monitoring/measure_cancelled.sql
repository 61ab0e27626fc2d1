-- lamplighter.measure_cancelled (worker)
-- Counts cancelled requests into their minutes, each once, 10,000 at most, and returns whether there is more to count; those that no worker
-- had claimed are counted as queued, too. Minutes in which no process measured stay gaps. Lock order: cancels, then lanes, then minutes, then
-- hours.
create or replace function lamplighter.measure_cancelled() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_taken bigint;
  v_lanes integer[];
  v_hours timestamptz[];
begin
  perform set_config('synchronous_commit', 'off', true);
  with taken as (
    delete from lamplighter.metric_cancel as c
    where c.id = any (array(select o.id from lamplighter.metric_cancel as o order by o.id limit 10000 for update skip locked))
    returning c.function_name, c.model, date_bin('1 minute', c.cancelled_at, 'epoch') as cancelled_at,
              date_bin('1 minute', c.queued_at, 'epoch') as queued_at
  ), counted as (
    insert into lamplighter.metric_minute as m (lane, minute, source, cancelled, enqueued)
    select l.id, t.minute, '00000000-0000-0000-0000-000000000000', sum(t.cancelled), sum(t.enqueued)
    from (
      select t.function_name, t.model, t.minute, sum(t.cancelled) as cancelled, sum(t.enqueued) as enqueued
      from (
        select t.function_name, t.model, t.cancelled_at as minute, 1 as cancelled, 0 as enqueued from taken as t
        union all
        select t.function_name, t.model, t.queued_at, 0, 1 from taken as t where t.queued_at > clock_timestamp() - interval '7 days'
      ) as t
      where exists (
        select
        from lamplighter.metric_lane as l
        join lamplighter.metric_minute as m on m.lane = l.id and m.minute = t.minute
        where l.system = 'requests' and l.function_name = '' and l.model = '')
      group by t.function_name, t.model, t.minute
    ) as t
    cross join lateral (
      select lamplighter.require_metric_lane('requests', t.function_name, t.model) as id
      union all
      select lamplighter.require_metric_lane('requests', '', '')
    ) as l
    group by l.id, t.minute
    order by l.id, t.minute
    on conflict on constraint metric_minute_pkey do update
    set cancelled = m.cancelled + excluded.cancelled,
        enqueued = m.enqueued + excluded.enqueued
    returning m.lane, date_bin('1 hour', m.minute, 'epoch') as hour
  )
  select (select count(*) from taken), array_agg(c.lane), array_agg(c.hour) into v_taken, v_lanes, v_hours from counted as c;
  perform lamplighter.settle_hours(v_lanes, v_hours);
  return v_taken = 10000;
end
$$;
