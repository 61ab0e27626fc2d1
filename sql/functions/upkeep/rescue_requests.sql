-- lamplighter.rescue_requests (worker)
-- Declares dead the workers whose lease ran out, and gives back what dead workers held. After the first death of its worker a request
-- is ready again at once, as most deaths are deployments and lost hosts; from the second on it is in quarantine. Only the one that
-- find_charged names is charged, and fails once it has no retries left. What a worker left that stopped, or what was never claimed, has
-- been through no death.
-- p_reachable_ms is for how long the caller has known the server to be reachable, and its clock to go evenly: silence before that
-- proves nothing. Null: always. p_now_ms (since 1970) is the time for which it knows that, and as of which silence is judged: the
-- clock may have been set since. Null: now.
-- Where a row cannot be changed, as a trigger or the like refuses it, smaller parts are tried until it stands alone: it is
-- returned as it is, with status processing and the reason as its error. Rows that somebody has locked are left for the next
-- pass. Lock order, here and wherever a worker calls: workers, requests by id, quarantine, claims; this function waits for none
-- of them.
create or replace function lamplighter.rescue_requests(
  p_max_retries integer,
  p_reachable_ms double precision default null,
  p_now_ms double precision default null
) returns table (
  id bigint,
  request_id uuid,
  worker_id uuid,
  status text,
  is_charged boolean,
  is_quarantined boolean,
  function_name text,
  model text,
  error text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := least(clock_timestamp(), to_timestamp(p_now_ms / 1000.0));
  v_workers uuid[];
  v_ids bigint[];
  v_position integer := 1;
  v_size integer;
  v_rescued jsonb;
begin
  -- Left by a clock that has been set back: silence would go unnoticed until it got there again.
  with early as materialized (
    select w.worker_id
    from lamplighter.worker as w
    where w.status in ('running', 'sleeping', 'stopping') and w.last_heartbeat > clock_timestamp() + interval '1 second'
    for no key update skip locked
  )
  update lamplighter.worker as w
  set last_heartbeat = clock_timestamp()
  from early
  where w.worker_id = early.worker_id;

  with silent as materialized (
    select w.worker_id
    from lamplighter.worker as w
    where w.status in ('running', 'sleeping', 'stopping')
      -- Nobody could renew a lease while the server was away.
      and greatest(w.last_heartbeat, case when pg_postmaster_start_time() < v_now then pg_postmaster_start_time() end,
                   v_now - make_interval(secs => p_reachable_ms / 1000.0))
          < v_now - make_interval(secs => w.lease_ms / 1000.0)
    for no key update skip locked
  )
  update lamplighter.worker as w
  set status = 'dead',
      died_at = clock_timestamp(),
      in_flight_at_death = (select count(*) from lamplighter.list_held(w.worker_id)),
      charged_id = lamplighter.find_charged(w.worker_id)
  from silent
  where w.worker_id = silent.worker_id;

  v_workers := array(
    select distinct c.worker_id
    from lamplighter.claim as c
    where not exists (
      select 1 from lamplighter.worker as w
      where w.worker_id = c.worker_id and w.status in ('running', 'sleeping', 'stopping')));

  v_ids := array(
    select q.id
    from public.steadytext_queue as q
    left join lamplighter.worker as w on w.worker_id = q.worker_id
    where q.id = any (array(select unnest(c.ids) from lamplighter.claim as c where c.worker_id = any (v_workers)))
      and q.status = 'processing'
      and (w.worker_id is null or w.status in ('stopped', 'dead'))
    order by q.id
    limit 10000
    for no key update of q skip locked);
  v_size := cardinality(v_ids);
  while v_position <= cardinality(v_ids) loop
    begin
      with orphan as materialized (
        select q.id, w.worker_id,
               -- A claim that was committed after that was never run.
               coalesce(w.status = 'dead' and q.started_at <= w.died_at, false) as is_death,
               coalesce(q.id = w.charged_id and q.started_at <= w.died_at, false) as is_charged,
               coalesce((select d.deaths from lamplighter.quarantine as d where d.id = q.id), 0) as deaths_before
        from public.steadytext_queue as q
        left join lamplighter.worker as w on w.worker_id = q.worker_id
        where q.id = any (v_ids[v_position : v_position + v_size - 1])
      ), counted as materialized (
        select o.*, o.deaths_before + o.is_death::integer as deaths
        from orphan as o
      ), rescued as (
        update public.steadytext_queue as q
        set status = case when o.is_charged and q.retry_count >= p_max_retries then 'failed' else 'pending' end,
            error = case when o.is_charged then 'The worker died while it ran this request alone' else q.error end,
            completed_at = case when o.is_charged and q.retry_count >= p_max_retries then clock_timestamp() end,
            failed_at = case when o.is_charged and q.retry_count >= p_max_retries then clock_timestamp() end,
            retry_count = case when o.is_charged and q.retry_count < p_max_retries then q.retry_count + 1 else q.retry_count end,
            worker_id = null,
            run_at = case when o.deaths >= 2 then timestamptz '9000-01-01 00:00+00' end
        from counted as o
        where q.id = o.id
        returning q.id, q.request_id, q.function_name, q.model, q.status, q.error, o.worker_id, o.is_charged, o.is_death, o.deaths
      ), remembered as (
        insert into lamplighter.quarantine as d (id, deaths)
        select r.id, r.deaths from rescued as r where r.status = 'pending' and r.is_death
        on conflict on constraint quarantine_pkey do update set deaths = excluded.deaths, rescued_at = excluded.rescued_at
      ), forgotten as (
        delete from lamplighter.quarantine as d
        using rescued as r
        where d.id = r.id and r.status = 'failed'
      )
      -- Rows that were returned before another is refused would stay returned: none is before all are done.
      select jsonb_agg(r) into v_rescued
      from rescued as r
      where r.status = 'pending' or lamplighter.announce_end(r.request_id, r.function_name, r.status) is not null;
      return query
        select r.id, r.request_id, r.worker_id, r.status, r.is_charged, r.status = 'pending' and r.deaths >= 2,
               r.function_name, r.model, r.error
        from jsonb_to_recordset(v_rescued) as r (
          id bigint, request_id uuid, worker_id uuid, status text, is_charged boolean, deaths integer, function_name text, model text,
          error text);
      v_position := v_position + v_size;
      v_size := v_size * 2;
    exception when others then
      -- Of the server's making, and none of the requests'.
      if left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX') then
        raise;
      end if;
      if v_size > 1 then
        v_size := greatest(least(v_size, cardinality(v_ids) - v_position + 1) / 2, 1);
      else
        return query
          select q.id, q.request_id, q.worker_id, q.status, false, false, q.function_name, q.model, sqlerrm
          from public.steadytext_queue as q
          where q.id = v_ids[v_position];
        v_position := v_position + 1;
      end if;
    end;
  end loop;
  if cardinality(v_ids) > 0 then
    perform lamplighter.wake_workers('requests');
  end if;

  delete from lamplighter.quarantine as d
  where d.id = any (array(
    select over.id
    from lamplighter.quarantine as over
    where not exists (
      select 1 from public.steadytext_queue as q where q.id = over.id and q.status in ('pending', 'processing'))
    order by over.id
    for update skip locked));

  -- A claim is kept while one of its rows is still to be had, such as one that somebody has locked.
  delete from lamplighter.claim as c
  using (
    select o.worker_id, o.claim_number
    from lamplighter.claim as o
    where o.worker_id = any (v_workers)
      and not exists (
        select 1
        from public.steadytext_queue as q
        where q.id = any (o.ids) and q.status = 'processing'
          and (q.worker_id is null or q.worker_id = any (v_workers)))
    order by o.worker_id, o.claim_number
    for update skip locked
  ) as over
  where c.worker_id = over.worker_id and c.claim_number = over.claim_number;
end
$$;
