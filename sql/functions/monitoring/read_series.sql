-- lamplighter.read_series (worker, monitor)
-- What was measured from p_from on, in steps of p_step (from an hour on: whole hours). By default of the whole system, else of a function,
-- of a function and model, or of a job, whose number is its p_function_name. No row for a step in which no process measured the system; a
-- row of zeros where the lane had nothing to do. Counts are sums; waits and runs are counts by bucket of list_metric_bounds().
create or replace function lamplighter.read_series(
  p_system text,
  p_from timestamptz,
  p_step interval,
  p_function_name text default '',
  p_model text default null
) returns table (
  at timestamptz,
  enqueued bigint,
  completed bigint,
  failed bigint,
  cancelled bigint,
  retries bigint,
  tokens bigint,
  oldest_pending_s double precision,
  waits bigint[],
  runs bigint[]
)
language sql volatile security definer set search_path = pg_catalog, pg_temp set jit = off as $$
  with total as (
    select l.id from lamplighter.metric_lane as l where l.system = p_system and l.function_name = '' and l.model = ''
  ), lane as (
    select l.id
    from lamplighter.metric_lane as l
    where l.system = p_system and l.function_name = p_function_name and l.model = coalesce(p_model, case p_function_name when '' then '' else l.model end)
  ), measured as materialized (
    select m.lane, date_bin(p_step, m.minute, 'epoch') as at, greatest(m.enqueued, m.seen) as enqueued, m.completed, m.failed, m.cancelled, m.retries, m.tokens,
           m.oldest_pending_s, m.waits, m.runs
    from lamplighter.metric_minute as m
    where m.lane in (select l.id from lane as l union select t.id from total as t)
      -- What has an hour is not read by minute; those of late have none yet.
      and m.minute >= case when p_step < interval '1 hour' then date_bin(p_step, p_from, 'epoch')
                           else greatest(date_bin(p_step, p_from, 'epoch'), date_bin('1 hour', now(), 'epoch') - interval '2 hours') end
    union all
    select h.lane, date_bin(p_step, h.hour, 'epoch'), h.enqueued, h.completed, h.failed, h.cancelled, h.retries, h.tokens,
           h.oldest_pending_s, h.waits, h.runs
    from lamplighter.metric_hour as h
    where p_step >= interval '1 hour'
      and h.lane in (select l.id from lane as l union select t.id from total as t)
      and h.hour >= date_bin(p_step, p_from, 'epoch') and h.hour < date_bin('1 hour', now(), 'epoch') - interval '2 hours'
  ), own as (
    select m.* from measured as m where m.lane in (select l.id from lane as l)
  ), sums as (
    select o.at, sum(o.enqueued) as enqueued, sum(o.completed) as completed, sum(o.failed) as failed, sum(o.cancelled) as cancelled,
           sum(o.retries) as retries, sum(o.tokens)::bigint as tokens, max(o.oldest_pending_s) as oldest_pending_s
    from own as o
    group by o.at
  ), scans as (
    -- Where somebody looked at what waits, and nothing did in the lane.
    select m.at from measured as m where m.lane in (select t.id from total as t) and m.oldest_pending_s is not null group by m.at
  ), counts as (
    select c.at, array_agg(c.number order by c.place) filter (where c.is_wait) as waits,
           array_agg(c.number order by c.place) filter (where not c.is_wait) as runs
    from (
      select o.at, c.is_wait, c.place, sum(c.number)::bigint as number
      from own as o
      cross join lateral (
        select true as is_wait, w.place, w.number from unnest(o.waits) with ordinality as w (number, place)
        union all
        select false, r.place, r.number from unnest(o.runs) with ordinality as r (number, place)
      ) as c
      group by o.at, c.is_wait, c.place
    ) as c
    group by c.at
  )
  select p.at, coalesce(s.enqueued, 0), coalesce(s.completed, 0), coalesce(s.failed, 0), coalesce(s.cancelled, 0), coalesce(s.retries, 0),
         s.tokens, coalesce(s.oldest_pending_s, case when k.at is not null then 0 end), coalesce(c.waits, '{}'), coalesce(c.runs, '{}')
  from (select distinct m.at from measured as m) as p
  left join sums as s on s.at = p.at
  left join counts as c on c.at = p.at
  left join scans as k on k.at = p.at
  order by p.at
$$;
