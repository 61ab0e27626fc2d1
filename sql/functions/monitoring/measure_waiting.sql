-- lamplighter.measure_waiting (worker)
-- Has requests that wait for their first claim in the figures already: notes for their minutes what those that were claimed and those that
-- wait come to together, the highest ever seen. A claimed one is written by its worker later than it ceases to wait (record_queued), so
-- that none is in it twice. Looks at 20,000 requests at most, an even share of them for each function and model, the first in turn: where
-- more wait, the rest is counted as it is claimed. Minutes in which no process measured stay gaps. Lock order: lanes, then minutes.
create or replace function lamplighter.measure_waiting() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off set row_security = off as $$
declare
  v_functions text[] := '{}';
  v_models text[] := '{}';
  v_function text := '';
  v_model text := '';
  v_most integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- As in measure_lanes.
  loop
    select q.function_name, q.model into v_function, v_model
    from public.steadytext_queue as q
    where q.run_at is null and (q.function_name, q.model) > (v_function, v_model)
    order by q.function_name, q.model
    limit 1;
    exit when not found or cardinality(v_functions) = 300;
    v_functions := v_functions || v_function;
    v_models := v_models || v_model;
  end loop;
  v_most := 20000 / greatest(cardinality(v_functions), 1);
  with waiting as materialized (
    select l.function_name, l.model, w.minute, w.waiting
    from unnest(v_functions, v_models) as l (function_name, model)
    cross join lateral (
      select date_bin('1 minute', q.created_at, 'epoch') as minute, count(*) as waiting
      from (
        select q.created_at, q.attempt
        from public.steadytext_queue as q
        where q.run_at is null and q.function_name = l.function_name and q.model = l.model
        limit v_most
      ) as q
      where q.attempt = 0
      group by 1
    ) as w
    where w.minute between clock_timestamp() - interval '7 days' and clock_timestamp()
  )
  insert into lamplighter.metric_minute as m (lane, minute, source, seen)
  select s.lane, s.minute, '00000000-0000-0000-0000-000000000000', s.waiting + coalesce(k.enqueued, 0)
  from (
    select l.id as lane, w.minute, sum(w.waiting) as waiting
    from waiting as w
    cross join lateral (
      select lamplighter.require_metric_lane('requests', w.function_name, w.model) as id
      union all
      select lamplighter.require_metric_lane('requests', '', '')
    ) as l
    where exists (
      select
      from lamplighter.metric_lane as t
      join lamplighter.metric_minute as m on m.lane = t.id and m.minute = w.minute
      where t.system = 'requests' and t.function_name = '' and t.model = '')
    group by l.id, w.minute
  ) as s
  -- Of the same snapshot as what waits; what others have added since may be some of that.
  left join lamplighter.metric_minute as k
    on k.lane = s.lane and k.minute = s.minute and k.source = '00000000-0000-0000-0000-000000000000'
  -- The same requests may wait for days.
  where k.lane is null or s.waiting + k.enqueued > greatest(k.enqueued, k.seen)
  order by s.lane, s.minute
  on conflict on constraint metric_minute_pkey do update set seen = greatest(m.seen, excluded.seen);
end
$$;
