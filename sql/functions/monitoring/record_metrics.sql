-- lamplighter.record_metrics (worker)
-- Writes what a process has measured: p_rows is an array of objects with system, function_name, model, minute_ms (since 1970, of the
-- server's clock) and figures by the names of the columns of metric_minute. Figures are those of the minute so far, so that writing them
-- again changes nothing. Models get lanes of their own up to 200 lanes in all; later ones are counted together.
-- Lock order: lanes, then minutes. No row of another process is touched.
create or replace function lamplighter.record_metrics(p_source uuid, p_rows jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into lamplighter.metric_minute as m
    (lane, minute, source, enqueued, completed, failed, cancelled, retries, tokens, oldest_pending_s, waits, runs)
  select r.lane, r.minute, p_source, sum(coalesce(r.enqueued, 0)), sum(coalesce(r.completed, 0)), sum(coalesce(r.failed, 0)),
         sum(coalesce(r.cancelled, 0)), sum(coalesce(r.retries, 0)), sum(r.tokens), max(r.oldest_pending_s),
         lamplighter.count_buckets(array_agg(coalesce(r.waits, '{}')::text)), lamplighter.count_buckets(array_agg(coalesce(r.runs, '{}')::text))
  from (
    select r.*, lamplighter.require_metric_lane(r.system, r.function_name, r.model) as lane,
           date_bin('1 minute', 'epoch'::timestamptz + r.minute_ms / 1000 * interval '1 second', 'epoch') as minute
    from jsonb_to_recordset(p_rows) as r (system text, function_name text, model text, minute_ms bigint, enqueued integer,
      completed integer, failed integer, cancelled integer, retries integer, tokens bigint, oldest_pending_s real,
      waits integer[], runs integer[])
    order by r.system, r.function_name, r.model, r.minute_ms
  ) as r
  group by r.lane, r.minute
  order by r.lane, r.minute
  on conflict on constraint metric_minute_pkey do update
  set enqueued = excluded.enqueued,
      completed = excluded.completed,
      failed = excluded.failed,
      cancelled = excluded.cancelled,
      retries = excluded.retries,
      tokens = excluded.tokens,
      oldest_pending_s = coalesce(excluded.oldest_pending_s, m.oldest_pending_s),
      waits = excluded.waits,
      runs = excluded.runs;
end
$$;
