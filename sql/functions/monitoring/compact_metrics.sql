-- lamplighter.compact_metrics (worker)
-- Merges what several processes measured in a minute, a quarter of an hour later; sums up the hours that are over while their minutes may
-- still change, for three hours; and deletes minutes after a week, hours after 90 days, and lanes that have neither. Nothing is done where
-- another session does it. Lock order: the cursor, then sources, then lanes, then minutes, then hours.
create or replace function lamplighter.compact_metrics() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set jit = off as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  perform from lamplighter.metric_cursor as c order by c.system for update skip locked;
  if (select count(*) from lamplighter.metric_cursor) > 0 and not found then
    return;
  end if;
  delete from lamplighter.metric_source as s where s.noted_at < v_now - interval '1 day';
  with several as (
    select m.lane, m.minute
    from lamplighter.metric_lane as l
    cross join lateral (
      select m.lane, m.minute
      from lamplighter.metric_minute as m
      where m.lane = l.id and m.minute between v_now - interval '3 hours' and v_now - interval '15 minutes'
      group by m.lane, m.minute
      having count(*) > 1
    ) as m
  ), merged as (
    delete from lamplighter.metric_minute as m
    using several as s
    where m.lane = s.lane and m.minute = s.minute and m.source <> '00000000-0000-0000-0000-000000000000'
    returning m.*
  )
  insert into lamplighter.metric_minute as m
    (lane, minute, source, enqueued, completed, failed, cancelled, retries, tokens, oldest_pending_s, waits, runs)
  select d.lane, d.minute, '00000000-0000-0000-0000-000000000000', sum(d.enqueued), sum(d.completed), sum(d.failed), sum(d.cancelled),
         sum(d.retries), sum(d.tokens), max(d.oldest_pending_s), lamplighter.count_buckets(array_agg(d.waits::text)),
         lamplighter.count_buckets(array_agg(d.runs::text))
  from merged as d
  group by d.lane, d.minute
  order by d.lane, d.minute
  on conflict on constraint metric_minute_pkey do update
  set enqueued = m.enqueued + excluded.enqueued,
      completed = m.completed + excluded.completed,
      failed = m.failed + excluded.failed,
      cancelled = m.cancelled + excluded.cancelled,
      retries = m.retries + excluded.retries,
      tokens = case when num_nulls(m.tokens, excluded.tokens) < 2 then coalesce(m.tokens, 0) + coalesce(excluded.tokens, 0) end,
      oldest_pending_s = greatest(m.oldest_pending_s, excluded.oldest_pending_s),
      waits = lamplighter.count_buckets(array[m.waits::text, excluded.waits::text]),
      runs = lamplighter.count_buckets(array[m.runs::text, excluded.runs::text]);
  insert into lamplighter.metric_hour as h
    (lane, hour, enqueued, completed, failed, cancelled, retries, tokens, oldest_pending_s, waits, runs)
  select m.lane, m.hour, sum(greatest(m.enqueued, m.seen)), sum(m.completed), sum(m.failed), sum(m.cancelled), sum(m.retries), sum(m.tokens),
         max(m.oldest_pending_s), lamplighter.count_buckets(array_agg(m.waits::text)), lamplighter.count_buckets(array_agg(m.runs::text))
  from lamplighter.metric_lane as l
  cross join lateral (
    select m.*, date_bin('1 hour', m.minute, 'epoch') as hour
    from lamplighter.metric_minute as m
    where m.lane = l.id
      and m.minute >= date_bin('1 hour', v_now, 'epoch') - interval '3 hours' and m.minute < date_bin('1 hour', v_now, 'epoch')
  ) as m
  group by m.lane, m.hour
  order by m.lane, m.hour
  -- What was queued may have been counted, and put right by settle_hours, since the minutes were read.
  on conflict on constraint metric_hour_pkey do update
  set enqueued = greatest(h.enqueued, excluded.enqueued),
      completed = excluded.completed,
      failed = excluded.failed,
      cancelled = excluded.cancelled,
      retries = excluded.retries,
      tokens = excluded.tokens,
      oldest_pending_s = excluded.oldest_pending_s,
      waits = excluded.waits,
      runs = excluded.runs
  where (h.enqueued, h.completed, h.failed, h.cancelled, h.retries, h.tokens, h.oldest_pending_s, h.waits, h.runs) is distinct from
    (greatest(h.enqueued, excluded.enqueued), excluded.completed, excluded.failed, excluded.cancelled, excluded.retries, excluded.tokens,
     excluded.oldest_pending_s, excluded.waits, excluded.runs);
  delete from lamplighter.metric_minute as m
  using lamplighter.metric_lane as l
  where m.lane = l.id and m.minute < v_now - interval '7 days';
  delete from lamplighter.metric_hour as h
  using lamplighter.metric_lane as l
  where h.lane = l.id and h.hour < v_now - interval '90 days';
  delete from lamplighter.metric_lane as l
  where l.id = any (array(
    select old.id
    from lamplighter.metric_lane as old
    where not exists (select from lamplighter.metric_minute as m where m.lane = old.id)
      and not exists (select from lamplighter.metric_hour as h where h.lane = old.id)
    order by old.id
    for update skip locked));
end
$$;
