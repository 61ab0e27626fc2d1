-- lamplighter.claim_duties (internal)
-- Claims for a worker those duties that are due, and returns their names. A duty is due for the worker that had it last once its interval
-- is over, and half a second later for the others, so that it stays with one worker until that one is late. It is due at once where its
-- interval is 0, and where a clock that has been set back left it in the future. A duty that another session is claiming is not waited
-- for; at most 16 are claimed at once. A process that dies while it does a duty delays it by the interval.
create or replace function lamplighter.claim_duties(p_worker_id uuid, p_names text[], p_intervals_ms double precision[]) returns text[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_claimed text[];
begin
  with due as materialized (
    select d.name
    from lamplighter.duty as d
    join unnest(p_names[1:16], p_intervals_ms[1:16]) as o (name, interval_ms) on o.name = d.name
    where o.interval_ms = 0
       or d.claimed_at > v_now + interval '1 second'
       -- A timer of the worker may be early.
       or d.claimed_at <= v_now - make_interval(secs =>
            (case when d.worker_id = p_worker_id then 0.9 * o.interval_ms else o.interval_ms + 500 end) / 1000.0)
    for no key update of d skip locked
  ), claimed as (
    update lamplighter.duty as d
    set worker_id = p_worker_id,
        claimed_at = v_now
    from due
    where d.name = due.name
    returning d.name
  ), added as (
    insert into lamplighter.duty as d (name, worker_id, claimed_at)
    select o.name, p_worker_id, v_now
    from unnest(p_names[1:16]) as o (name)
    where not exists (select 1 from lamplighter.duty as known where known.name = o.name)
    order by o.name
    on conflict on constraint duty_pkey do nothing
    returning d.name
  )
  select coalesce(array_agg(c.name order by c.name), '{}') into v_claimed
  from (select claimed.name from claimed union all select added.name from added) as c;
  return v_claimed;
end
$$;
