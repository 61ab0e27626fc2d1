-- lamplighter.record_queued (worker)
-- Counts requests that a process has claimed for the first time into the minutes in which they were queued: p_rows is an array of objects
-- with function_name, model, minute_ms (since 1970, of created_at) and count. p_number grows with each batch of a process: one that was
-- counted is not counted again. Nothing is counted into a minute in which no process measured, which stays a gap, nor into one that is over
-- for a week. Lock order: sources, then lanes, then minutes, then hours.
create or replace function lamplighter.record_queued(p_source uuid, p_number bigint, p_rows jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_lanes integer[];
  v_hours timestamptz[];
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into lamplighter.metric_source as s (source, batch_number) values (p_source, p_number)
  on conflict on constraint metric_source_pkey do update
  set batch_number = excluded.batch_number,
      noted_at = excluded.noted_at
  where s.batch_number < excluded.batch_number;
  if not found then
    return;
  end if;
  with counted as (
    insert into lamplighter.metric_minute as m (lane, minute, source, enqueued)
    select l.id, q.minute, '00000000-0000-0000-0000-000000000000', sum(q.count)
    from (
      select r.function_name, r.model, date_bin('1 minute', 'epoch'::timestamptz + r.minute_ms / 1000 * interval '1 second', 'epoch') as minute,
             least(r.count, 100000000) as count
      from jsonb_to_recordset(p_rows) as r (function_name text, model text, minute_ms bigint, count integer)
      where r.count > 0
        and r.minute_ms between extract(epoch from clock_timestamp() - interval '7 days') * 1000 and extract(epoch from clock_timestamp()) * 1000
    ) as q
    cross join lateral (
      select lamplighter.require_metric_lane('requests', q.function_name, q.model) as id
      union all
      select lamplighter.require_metric_lane('requests', '', '')
    ) as l
    where exists (
      select
      from lamplighter.metric_lane as t
      join lamplighter.metric_minute as m on m.lane = t.id and m.minute = q.minute
      where t.system = 'requests' and t.function_name = '' and t.model = '')
    group by l.id, q.minute
    order by l.id, q.minute
    on conflict on constraint metric_minute_pkey do update set enqueued = m.enqueued + excluded.enqueued
    returning m.lane, date_bin('1 hour', m.minute, 'epoch') as hour
  )
  select array_agg(c.lane), array_agg(c.hour) into v_lanes, v_hours from counted as c;
  perform lamplighter.settle_hours(v_lanes, v_hours);
end
$$;
