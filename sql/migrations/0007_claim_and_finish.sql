-- 0007_claim_and_finish (schema version 1): what workers run for every request.
-- The planner settings on these functions keep every statement on its index, also while a new table still looks small enough
-- to scan: a cached plan made then would stay until the next analyze.
-- Generic plans, as one for the very values is no better and was made anew for each call with few rows: 180 us of a claim of one
-- request, 320 us of its end.
-- Rows are locked for no key update: an open transaction that inserts a row which refers to a request holds its key only.

create table lamplighter.cached_result (
  cache_key bytea not null,
  id bigint not null,
  completed_at timestamptz not null,
  constraint cached_result_pkey primary key (cache_key)
);
comment on table lamplighter.cached_result is
  'Where the answer to an equal request is: steadytext_queue.id by sha256 of all that determines it. Deleting the request ends it.';
comment on column lamplighter.cached_result.completed_at is 'When the answer was given: a later one under this id may be to other parameters.';

-- The heads of all that is ready in the lanes (pairs of function and model): one row for each role and priority, roles in
-- order of name, priorities descending and at most p_per_role of them. Functions that are paused give none. Times are in
-- microseconds since 1970: half the cost of a text, and nothing is lost. seen_us is when the row was seen.
create function lamplighter.list_ready(p_function_names text[], p_models text[], p_per_role integer)
returns table (function_name text, model text, username text, priority integer, created_us bigint, id bigint, seen_us bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
set row_security = off as $$
#variable_conflict use_column
declare
  v_role text;
  v_priority integer;
  v_found boolean;
begin
  for i in 1 .. cardinality(p_function_names) loop
    continue when exists (select 1 from lamplighter.paused_function as p where p.function_name = p_function_names[i]);
    v_role := '';
    loop
      select q.function_name, q.model, q.username, q.priority, (extract(epoch from q.created_at) * 1000000)::bigint, q.id
      into list_ready.function_name, list_ready.model, list_ready.username, list_ready.priority, list_ready.created_us, list_ready.id
      from public.steadytext_queue as q
      where q.run_at is null and q.status = 'pending'
        and q.function_name = p_function_names[i] and q.model = p_models[i] and q.username > v_role
      order by q.username, q.priority desc, q.created_at, q.id
      limit 1;
      exit when not found;
      v_role := list_ready.username;
      list_ready.seen_us := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
      return next;
      for level in 2 .. p_per_role loop
        v_priority := list_ready.priority;
        select q.priority, (extract(epoch from q.created_at) * 1000000)::bigint, q.id
        into list_ready.priority, list_ready.created_us, list_ready.id
        from public.steadytext_queue as q
        where q.run_at is null and q.status = 'pending'
          and q.function_name = p_function_names[i] and q.model = p_models[i] and q.username = v_role and q.priority < v_priority
        order by q.priority desc, q.created_at, q.id
        limit 1;
        exit when not found;
        return next;
      end loop;
    end loop;
  end loop;
end
$$;

-- How many requests wait in each of the lanes (pairs of function and model), ready or delayed, as far as p_most in all of each kind.
create function lamplighter.count_waiting(p_function_names text[], p_models text[], p_most integer)
returns table (function_name text, model text, waiting bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set row_security = off as $$
  with delayed as materialized (
    select q.function_name, q.model
    from public.steadytext_queue as q
    where q.run_at < '9000-01-01 00:00+00' and q.status = 'pending'
    limit p_most
  )
  select l.function_name, l.model,
         (select count(*)
          from (
            select from public.steadytext_queue as q
            where q.run_at is null and q.status = 'pending' and q.function_name = l.function_name and q.model = l.model
            limit p_most
          ) as ready)
         + (select count(*) from delayed as d where d.function_name = l.function_name and d.model = l.model)
  from unnest(p_function_names, p_models) as l (function_name, model)
$$;

-- Takes up to p_limit ready requests of one lane for a worker. The levels (role, priority, and the lowest row that may be
-- there) are tried in the order given; a role's levels stand together and yield p_share rows at most, and no more than an even
-- share of what the roles before it have left, so that none goes without where there is enough for all. Levels that were seen at
-- p_seen_us, more than two seconds ago, give nothing: a claim that was held up on its way would pass over what has come since.
-- p_claim_number is the worker's own, never used twice. Parameters of more than half a megabyte are not given at once, but for one
-- request at least: a worker holds them in memory. Raises LL001 when the worker's lease is lost. The order of the rows is not defined.
create function lamplighter.claim_requests(
  p_worker_id uuid,
  p_claim_number bigint,
  p_function_name text,
  p_model text,
  p_usernames text[],
  p_priorities integer[],
  p_low_created_us bigint[],
  p_low_ids bigint[],
  p_seen_us bigint,
  p_share integer,
  p_limit integer
) returns table (
  id bigint,
  request_id uuid,
  username text,
  parameters jsonb,
  priority integer,
  created_us bigint,
  attempt integer,
  retry_count integer
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
set row_security = off as $$
#variable_conflict use_column
declare
  v_left integer := p_limit;
  v_roles integer := 1;
  v_share integer;
  v_low timestamptz;
  v_rows tid[];
  v_ids bigint[];
  v_sizes integer[];
  v_size bigint;
  v_size_left bigint := 500000;
  v_taken integer;
  v_claimed bigint[] := '{}';
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_lease(p_worker_id);
  if extract(epoch from clock_timestamp()) * 1000000 - p_seen_us > 2000000
     or exists (select 1 from lamplighter.paused_function as p where p.function_name = p_function_name) then
    return;
  end if;
  for i in 2 .. cardinality(p_usernames) loop
    if p_usernames[i] <> p_usernames[i - 1] then
      v_roles := v_roles + 1;
    end if;
  end loop;
  for i in 1 .. cardinality(p_usernames) loop
    if i = 1 or p_usernames[i] <> p_usernames[i - 1] then
      v_share := least(p_share, (v_left + v_roles - 1) / v_roles);
      v_roles := v_roles - 1;
    end if;
    continue when v_share <= 0;
    -- In two steps, as a number of microseconds may have more digits than a double, which is what an interval is multiplied by.
    v_low := 'epoch'::timestamptz + p_low_created_us[i] / 1000000 * interval '1 second'
                                  + p_low_created_us[i] % 1000000 * interval '1 microsecond';
    select array_agg(c.ctid), array_agg(c.id), array_agg(c.size), sum(c.size)
    into v_rows, v_ids, v_sizes, v_size
    from (
      -- What is stored may be compressed; short texts are not.
      select q.ctid, q.id,
             case when pg_column_size(q.parameters) < 1000 then pg_column_size(q.parameters)
                  else pg_column_size(q.parameters || '{}') end as size
      from public.steadytext_queue as q
      where q.run_at is null and q.status = 'pending'
        and q.function_name = p_function_name and q.model = p_model
        and q.username = p_usernames[i] and q.priority = p_priorities[i]
        and (q.created_at, q.id) >= (v_low, p_low_ids[i])
      order by q.created_at, q.id
      limit least(v_share, v_left)
      for no key update skip locked
    ) as c;
    continue when v_ids is null;
    v_taken := cardinality(v_ids);
    if v_size > v_size_left then
      v_taken := (
        select greatest(count(*), case when v_claimed = '{}' then 1 else 0 end)
        from (select sum(s.size) over (order by s.position) as total from unnest(v_sizes) with ordinality as s (size, position)) as run
        where run.total <= v_size_left);
      exit when v_taken = 0;
      v_left := v_taken;
    end if;
    v_size_left := v_size_left - v_size;
    -- By place, which cannot change while the rows are locked: by id, each would be looked up once more.
    return query
      update public.steadytext_queue as q
      set status = 'processing',
          started_at = clock_timestamp(),
          worker_id = p_worker_id,
          attempt = q.attempt + 1,
          run_at = '9000-01-01 00:00+00'
      where q.ctid = any (v_rows[:v_taken])
      returning q.id, q.request_id, q.username, q.parameters, q.priority, (extract(epoch from q.created_at) * 1000000)::bigint, q.attempt,
                q.retry_count;
    v_claimed := v_claimed || v_ids[:v_taken];
    v_left := v_left - v_taken;
    v_share := v_share - v_taken;
    exit when v_left <= 0;
  end loop;
  if v_claimed <> '{}' then
    insert into lamplighter.claim (worker_id, claim_number, ids) values (p_worker_id, p_claim_number, v_claimed);
  end if;
end
$$;

-- Looks and claims in one step, for a worker that knows of nothing ready: all that is ready in the first of the lanes (triples of
-- function, model and most rows, in the order in which to try them) that has anything, so that no turns are needed. One row without
-- an id where that does not do, as there is more than so many rows or half a megabyte of parameters, or others have locked it all:
-- then list_ready and claim_requests have to be called. No row when nothing is ready anywhere. It waits 0.2 s at most for a lock of
-- the table, as the outcome of a claim that is given up is unknown; a look that waits for it harms nobody.
create function lamplighter.claim_requests_at_once(
  p_worker_id uuid,
  p_claim_number bigint,
  p_function_names text[],
  p_models text[],
  p_limits integer[]
) returns table (
  function_name text,
  model text,
  id bigint,
  request_id uuid,
  username text,
  parameters jsonb,
  priority integer,
  created_us bigint,
  attempt integer,
  retry_count integer
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set lock_timeout = '200ms' set row_security = off as $$
#variable_conflict use_column
declare
  v_count bigint;
  v_size bigint;
  v_rows tid[];
  v_ids bigint[];
begin
  for i in 1 .. cardinality(p_function_names) loop
    -- Nothing is locked yet: what is left for others must not be passed over by them.
    select count(*), sum(c.size)
    into v_count, v_size
    from (
      select case when pg_column_size(q.parameters) < 1000 then pg_column_size(q.parameters)
                  else pg_column_size(q.parameters || '{}') end as size
      from public.steadytext_queue as q
      where q.run_at is null and q.status = 'pending' and q.function_name = p_function_names[i] and q.model = p_models[i]
      limit p_limits[i] + 1
    ) as c;
    continue when v_count = 0
      or exists (select 1 from lamplighter.paused_function as p where p.function_name = p_function_names[i]);
    perform set_config('synchronous_commit', 'off', true);
    perform lamplighter.require_lease(p_worker_id);
    if v_count <= p_limits[i] and v_size <= 500000 then
      select array_agg(c.ctid), array_agg(c.id)
      into v_rows, v_ids
      from (
        select q.ctid, q.id
        from public.steadytext_queue as q
        where q.run_at is null and q.status = 'pending' and q.function_name = p_function_names[i] and q.model = p_models[i]
        order by q.username, q.priority desc, q.created_at, q.id
        limit p_limits[i]
        for no key update skip locked
      ) as c;
    end if;
    if v_ids is null then
      return query select p_function_names[i], p_models[i], null::bigint, null::uuid, null, null::jsonb, 0, 0::bigint, 0, 0;
      return;
    end if;
    -- One after the other, so that started_at tells their order.
    return query
      update public.steadytext_queue as q
      set status = 'processing',
          started_at = clock_timestamp(),
          worker_id = p_worker_id,
          attempt = q.attempt + 1,
          run_at = '9000-01-01 00:00+00'
      from unnest(v_rows) as r (place)
      where q.ctid = r.place
      returning q.function_name, q.model, q.id, q.request_id, q.username, q.parameters, q.priority,
                (extract(epoch from q.created_at) * 1000000)::bigint, q.attempt, q.retry_count;
    insert into lamplighter.claim (worker_id, claim_number, ids) values (p_worker_id, p_claim_number, v_ids);
    return;
  end loop;
end
$$;

-- Raises LL001 unless the worker is alive in the eyes of the database, and 42501 if it is somebody else's.
create function lamplighter.require_lease(p_worker_id uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_own_worker(p_worker_id);
  if not exists (
    select 1 from lamplighter.worker as w
    where w.worker_id = p_worker_id and w.status in ('running', 'sleeping', 'stopping')
  ) then
    raise exception 'Worker % has lost its lease', p_worker_id using errcode = 'LL001';
  end if;
end
$$;

-- Ends one attempt of each request, where the worker still holds it (worker_id and attempt fence; cancel and rescue change
-- them). Outcomes: completed; failed; retry (charged; after p_delays_ms, or failed once retry_count has reached p_max_retries);
-- defer (not charged; after p_delays_ms); release (not charged; ready at once).
-- The arrays go by ascending id, which is the lock order; a null stands for an array of nulls. A row that somebody else has locked
-- is skipped. Returns the requests that were ended; the rest are locked or lost.
-- A commit with a notification holds one lock of the whole server until it is on disk. Ends are therefore announced here only where the
-- gate is to be had at once, an advisory lock that goes with the commit: one such commit at a time, and nobody waits. Where is_announced
-- is false, an end has yet to be announced: by announce_ends, once this has been committed.
create function lamplighter.finish_requests(
  p_worker_id uuid,
  p_ids bigint[],
  p_attempts integer[],
  p_outcomes text[],
  p_results text[],
  p_errors text[],
  p_delays_ms double precision[],
  p_cache_keys bytea[],
  p_max_retries integer
) returns table (id bigint, status text, is_announced boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
set row_security = off as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := clock_timestamp();
begin
  perform lamplighter.require_own_worker(p_worker_id);
  return query
    -- Lateral, so that each row is looked up by its id: as a join, a table of up to some 30,000 rows was read as a whole, because
    -- statistics taken while no worker held anything say that the fence matches nothing (35 ms instead of 9 for 500).
    with held as materialized (
      select o.*, q.place
      from unnest(p_ids, p_attempts, p_outcomes, p_results, p_errors, p_delays_ms)
        as o (id, attempt, outcome, result, error, delay_ms)
      cross join lateral (
        select q.ctid as place
        from public.steadytext_queue as q
        where q.id = o.id and q.worker_id = p_worker_id and q.attempt = o.attempt and q.completed_at is null
        for no key update skip locked
      ) as q
    ), ended as (
      update public.steadytext_queue as q
      set status = case
            when h.outcome in ('completed', 'failed') then h.outcome
            when h.outcome = 'retry' and q.retry_count >= p_max_retries then 'failed'
            else 'pending'
          end,
          result = case when h.outcome = 'completed' then h.result end,
          error = case when h.outcome = 'release' then q.error else h.error end,
          completed_at = case
            when h.outcome in ('completed', 'failed') or (h.outcome = 'retry' and q.retry_count >= p_max_retries) then v_now
          end,
          failed_at = case when h.outcome = 'failed' or (h.outcome = 'retry' and q.retry_count >= p_max_retries) then v_now end,
          retry_count = case when h.outcome = 'retry' and q.retry_count < p_max_retries then q.retry_count + 1 else q.retry_count end,
          worker_id = case
            when h.outcome in ('completed', 'failed') or (h.outcome = 'retry' and q.retry_count >= p_max_retries) then q.worker_id
          end,
          run_at = case
            when h.outcome in ('retry', 'defer') and not (h.outcome = 'retry' and q.retry_count >= p_max_retries)
              then v_now + make_interval(secs => h.delay_ms / 1000.0)
            when h.outcome = 'release'
                 and not exists (select 1 from lamplighter.quarantine as d where d.id = q.id and d.deaths >= 2) then null
            else '9000-01-01 00:00+00'
          end
      from held as h
      where q.ctid = h.place
      returning q.id, q.request_id, q.function_name, q.status, q.run_at is null as is_ready, h.outcome
    ), survived as (
      -- It has run without killing its worker. Only what was ended here: a row that was lost may be another worker's by now.
      delete from lamplighter.quarantine as d
      using ended as e
      where (select exists (select 1 from lamplighter.quarantine))
        and d.id = e.id and e.outcome <> 'release'
    ), gate as materialized (
      -- The aggregate asks for it late, when all rows have been written, and not where there is nothing to announce.
      select case when bool_or(e.status in ('completed', 'failed')) and pg_notification_queue_usage() < 0.5
                  then pg_try_advisory_xact_lock(hashtextextended('lamplighter announce', 0)) end as is_open
      from ended as e
    )
    select e.id, e.status,
           case when e.status not in ('completed', 'failed') then
                  -- One id is skipped for what waits again, so that the bound on pending requests counts it; what is ready has a trigger.
                  e.is_ready or nextval('public.steadytext_queue_id_seq') > 0
                when (select g.is_open from gate as g) then
                  pg_notify('steadytext_completed', lamplighter.announce_payload(e.request_id, e.function_name, e.status)) is not null
                else false end
    from ended as e;
  if cardinality(array_remove(p_cache_keys, null)) > 0 then
    insert into lamplighter.cached_result as c (cache_key, id, completed_at)
    select distinct on (k.cache_key) k.cache_key, k.id, v_now
    from unnest(p_cache_keys, p_ids, p_attempts, p_outcomes) as k (cache_key, id, attempt, outcome)
    -- Of what was ended just now: an answer that was not recorded must not take the place of one that was.
    cross join lateral (
      select 1 from public.steadytext_queue as q where q.id = k.id and q.attempt = k.attempt and q.completed_at = v_now
    ) as ended
    where k.cache_key is not null and k.outcome = 'completed'
    order by k.cache_key, k.id
    on conflict (cache_key) do update set id = excluded.id, completed_at = excluded.completed_at;
  end if;
end
$$;

-- Announces ends that were recorded without, in a transaction that does not wait for the disk. None while the server's notification
-- queue is half full: events are hints, and a full queue would fail every transaction of the server that notifies. What is not announced
-- is counted, and so are the p_given_up that the worker has given up.
create function lamplighter.announce_ends(
  p_worker_id uuid,
  p_request_ids uuid[],
  p_function_names text[],
  p_statuses text[],
  p_given_up bigint
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_dropped bigint := p_given_up;
begin
  perform set_config('synchronous_commit', 'off', true);
  if pg_notification_queue_usage() < 0.5 then
    perform pg_notify('steadytext_completed', lamplighter.announce_payload(e.request_id, e.function_name, e.status))
    from unnest(p_request_ids, p_function_names, p_statuses) as e (request_id, function_name, status);
  else
    v_dropped := v_dropped + cardinality(p_request_ids);
  end if;
  if v_dropped > 0 then
    update lamplighter.worker as w
    set events_dropped = w.events_dropped + v_dropped
    where w.worker_id = p_worker_id;
  end if;
end
$$;

-- The results of completed requests that equal requests may share.
create function lamplighter.lookup_cached_results(p_cache_keys bytea[])
returns table (cache_key bytea, result text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select c.cache_key, q.result
  from lamplighter.cached_result as c
  join public.steadytext_queue as q on q.id = c.id and q.completed_at = c.completed_at
  where c.cache_key = any (p_cache_keys)
    and q.status = 'completed' and q.result is not null
$$;

-- Of the requests that a worker believes it holds, those that it does not: ended, cancelled, deleted, rescued or edited.
create function lamplighter.list_lost(p_worker_id uuid, p_ids bigint[], p_attempts integer[])
returns table (id bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select h.id
  from unnest(p_ids, p_attempts) as h (id, attempt)
  left join public.steadytext_queue as q on q.id = h.id
  where q.id is null or q.worker_id is distinct from p_worker_id or q.attempt <> h.attempt or q.status <> 'processing'
$$;
