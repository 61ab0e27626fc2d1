-- 0008_rescue_and_prune (schema version 1): what workers run for each other and for the table as a whole.

create table lamplighter.quarantine (
  id bigint not null,
  deaths integer not null default 1,
  rescued_at timestamptz not null default clock_timestamp(),
  constraint quarantine_pkey primary key (id)
);
comment on table lamplighter.quarantine is
  'Requests whose worker died, until they end. After one death they run as any other; from the second on they are in quarantine.';
comment on column lamplighter.quarantine.deaths is
  'Of workers that held it: after two it runs in a small group of its like, after more alone in its lane.';

-- What a worker holds now, of all that it ever claimed.
create function lamplighter.list_held(p_worker_id uuid) returns table (id bigint, function_name text, model text)
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select q.id, q.function_name, q.model
  from public.steadytext_queue as q
  where q.id = any (array(select unnest(c.ids) from lamplighter.claim as c where c.worker_id = p_worker_id))
    and q.status = 'processing' and q.worker_id = p_worker_id
$$;

-- The request that is charged for the death of a worker, null when there is none: the only one in quarantine there, alone in its lane.
-- Where other lanes were at work, only from its sixth death on: whatever else kills workers is in quarantine after two, and then never
-- in hand beside this one, so that two deaths in such company (the fourth and the fifth) prove nothing, and more do.
create function lamplighter.find_charged(p_worker_id uuid) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  with held as materialized (
    select h.id, h.function_name, h.model, d.deaths
    from lamplighter.list_held(p_worker_id) as h
    left join lamplighter.quarantine as d on d.id = h.id
  )
  select only_one.id
  from held as only_one
  where only_one.deaths >= 2
    and not exists (
      select 1
      from held as other
      where other.id <> only_one.id
        and (other.deaths >= 2
             or (other.function_name = only_one.function_name and other.model = only_one.model)
             or only_one.deaths < 5))
$$;

-- Declares dead the workers whose lease ran out, and gives back what dead workers held. After the first death of its worker a request
-- is ready again at once, as most deaths are deployments and lost hosts; from the second on it is in quarantine. Only the one that
-- find_charged names is charged, and fails once it has no retries left. What a worker left that stopped, or what was never claimed, has
-- been through no death.
-- p_reachable_ms is for how long the caller has known the server to be reachable, and its clock to go evenly: silence before that
-- proves nothing. Null: always. p_now_ms (since 1970) is the time for which it knows that, and as of which silence is judged: the
-- clock may have been set since. Null: now.
-- Rows that somebody has locked are left for the next pass. Lock order, here and wherever a worker calls: workers, requests by id,
-- quarantine, claims; this function waits for none of them.
create function lamplighter.rescue_requests(
  p_max_retries integer,
  p_reachable_ms double precision default null,
  p_now_ms double precision default null
) returns table (id bigint, request_id uuid, worker_id uuid, status text, is_charged boolean, is_quarantined boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := least(clock_timestamp(), to_timestamp(p_now_ms / 1000.0));
  v_workers uuid[];
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

  if v_workers <> '{}' then
    return query
      with orphan as materialized (
        select q.id, w.worker_id,
               -- A claim that was committed after that was never run.
               coalesce(w.status = 'dead' and q.started_at <= w.died_at, false) as is_death,
               coalesce(q.id = w.charged_id and q.started_at <= w.died_at, false) as is_charged,
               coalesce((select d.deaths from lamplighter.quarantine as d where d.id = q.id), 0) as deaths_before
        from public.steadytext_queue as q
        left join lamplighter.worker as w on w.worker_id = q.worker_id
        where q.id = any (array(select unnest(c.ids) from lamplighter.claim as c where c.worker_id = any (v_workers)))
          and q.status = 'processing'
          and (w.worker_id is null or w.status in ('stopped', 'dead'))
        order by q.id
        limit 10000
        for no key update of q skip locked
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
        returning q.id, q.request_id, q.function_name, q.status, o.worker_id, o.is_charged, o.is_death, o.deaths
      ), remembered as (
        insert into lamplighter.quarantine as d (id, deaths)
        select r.id, r.deaths from rescued as r where r.status = 'pending' and r.is_death
        on conflict on constraint quarantine_pkey do update set deaths = excluded.deaths, rescued_at = excluded.rescued_at
      ), forgotten as (
        delete from lamplighter.quarantine as d
        using rescued as r
        where d.id = r.id and r.status = 'failed'
      )
      select r.id, r.request_id, r.worker_id, r.status, r.is_charged, r.status = 'pending' and r.deaths >= 2
      from rescued as r
      where r.status = 'pending' or lamplighter.announce_end(r.request_id, r.function_name, r.status) is not null;
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

-- Takes requests in quarantine from one of the lanes, to be run with nothing else of that lane: the most urgent one, and others up to
-- the lane's limit if each of them has been through two deaths only. Without those, workers that died with two thousand would keep
-- another busy for minutes. p_claim_number as in claim_requests.
create function lamplighter.claim_quarantined(
  p_worker_id uuid,
  p_claim_number bigint,
  p_function_names text[],
  p_models text[],
  p_limits integer[]
) returns table (
  id bigint,
  request_id uuid,
  function_name text,
  model text,
  username text,
  parameters jsonb,
  priority integer,
  created_us bigint,
  attempt integer,
  retry_count integer
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
#variable_conflict use_column
declare
  v_first record;
  v_ids bigint[];
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_lease(p_worker_id);
  select c.id, c.function_name, c.model, d.deaths, lane.most
  into v_first
  from public.steadytext_queue as c
  join unnest(p_function_names, p_models, p_limits) as lane (function_name, model, most)
    on lane.function_name = c.function_name and lane.model = c.model
  join lamplighter.quarantine as d on d.id = c.id
  -- As an array they are looked up by key; as a join, all that is pending was read to find them.
  where c.id = any (array(select d.id from lamplighter.quarantine as d where d.deaths >= 2))
    and c.status = 'pending' and c.run_at = '9000-01-01 00:00+00'
    and not exists (select 1 from lamplighter.paused_function as p where p.function_name = c.function_name)
  order by c.priority desc, c.created_at, c.id
  limit 1
  for no key update of c skip locked;
  if not found then
    return;
  end if;
  v_ids := array[v_first.id];
  if v_first.deaths = 2 and v_first.most > 1 then
    v_ids := array(
      select c.id
      from public.steadytext_queue as c
      where c.id = any (array(select d.id from lamplighter.quarantine as d where d.deaths = 2))
        and c.status = 'pending' and c.run_at = '9000-01-01 00:00+00'
        and c.function_name = v_first.function_name and c.model = v_first.model
      order by c.priority desc, c.created_at, c.id
      limit v_first.most
      for no key update skip locked);
  end if;
  insert into lamplighter.claim (worker_id, claim_number, ids) values (p_worker_id, p_claim_number, v_ids);
  return query
    update public.steadytext_queue as q
    set status = 'processing',
        started_at = clock_timestamp(),
        worker_id = p_worker_id,
        attempt = q.attempt + 1,
        run_at = '9000-01-01 00:00+00'
    where q.id = any (v_ids)
    returning q.id, q.request_id, q.function_name, q.model, q.username, q.parameters, q.priority,
              (extract(epoch from q.created_at) * 1000000)::bigint, q.attempt, q.retry_count;
end
$$;

-- True when claim_quarantined may have something for a worker of these lanes ('function:model'): paused functions, other lanes and what
-- somebody already runs do not count.
create function lamplighter.has_quarantined(p_lanes text[]) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select exists (
    select 1
    from public.steadytext_queue as q
    where q.id = any (array(select d.id from lamplighter.quarantine as d where d.deaths >= 2))
      and q.status = 'pending' and q.run_at = '9000-01-01 00:00+00'
      and q.function_name || ':' || q.model = any (p_lanes)
      and not exists (select 1 from lamplighter.paused_function as p where p.function_name = q.function_name))
$$;

-- Makes ready the requests whose delay is over; how many.
create function lamplighter.promote_requests(p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set row_security = off as $$
declare
  -- A constant, as a volatile function is no bound of an index scan.
  v_now constant timestamptz := clock_timestamp();
  v_promoted bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  with due as materialized (
    select q.id
    from public.steadytext_queue as q
    where q.run_at < '9000-01-01 00:00+00' and q.run_at <= v_now and q.status = 'pending'
    order by q.run_at
    limit p_limit
    for no key update skip locked
  )
  update public.steadytext_queue as q
  set run_at = null
  from due
  where q.id = due.id;
  get diagnostics v_promoted = row_count;
  return v_promoted;
end
$$;

-- Looks at the p_limit requests after p_after_id in the order of their ids, and deletes those that ended more than p_older_than ago;
-- their cached answers go with them. So that a call costs the same whatever the size of the table, it is the caller who goes on:
-- from last_id, which is null at the end of the table. is_young tells that all that was looked at was queued since, and so most likely
-- all that comes after. What may not be deleted is passed over and counted in held, with one of them and the reason.
create function lamplighter.prune_requests(p_older_than interval, p_after_id bigint, p_limit integer)
returns table (looked bigint, pruned bigint, held bigint, held_request_id uuid, held_reason text, last_id bigint, is_young boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set lock_timeout = '200ms' set row_security = off as $$
#variable_conflict use_column
declare
  v_before constant timestamptz := now() - p_older_than;
  v_window record;
  v_step record;
begin
  select count(*) as looked, max(w.id) as last_id, coalesce(bool_and(w.created_at >= v_before), true) as is_young,
         coalesce(array_agg(w.id order by w.id) filter (
           where w.status in ('completed', 'failed', 'cancelled') and coalesce(w.completed_at, w.created_at) < v_before), '{}') as ids
  into v_window
  from (
    select q.id, q.status, q.created_at, q.completed_at
    from public.steadytext_queue as q
    where q.id > p_after_id
    order by q.id
    limit p_limit
  ) as w;
  select * into v_step from lamplighter.prune_listed(v_window.ids, v_before, 500, 2);
  return query
    select v_window.looked, v_step.pruned, v_step.held,
           (select q.request_id from public.steadytext_queue as q where q.id = v_step.held_id), v_step.held_reason,
           case when v_step.last_id < v_window.ids[cardinality(v_window.ids)] then v_step.last_id
                when v_window.looked = p_limit then v_window.last_id end,
           v_window.is_young;
end
$$;

-- Forgets cached answers whose request is gone or was run again, from p_after_key on; the last key looked at, null at the end.
create function lamplighter.prune_cached_results(p_after_key bytea, p_limit integer) returns bytea
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
declare
  v_keys bytea[];
begin
  v_keys := array(
    select c.cache_key
    from lamplighter.cached_result as c
    where c.cache_key > p_after_key
    order by c.cache_key
    limit p_limit);
  delete from lamplighter.cached_result as c
  where c.cache_key = any (v_keys)
    and not exists (select 1 from public.steadytext_queue as q where q.id = c.id and q.completed_at = c.completed_at);
  return v_keys[p_limit];
end
$$;

-- TRUNCATE ... RESTART IDENTITY issues the same ids again: what was recorded by id must not pass to new requests.
create function lamplighter.prune_after_truncate() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from lamplighter.cached_result;
  delete from lamplighter.quarantine;
  delete from lamplighter.claim;
  return null;
end
$$;

create trigger prune_after_truncate after truncate on public.steadytext_queue
  for each statement
  execute function lamplighter.prune_after_truncate();
