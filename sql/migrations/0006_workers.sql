-- 0006_workers (schema version 1): worker processes, their leases, and the pause of a function.

create table lamplighter.worker (
  worker_id uuid not null default gen_random_uuid(),
  username text not null default session_user,
  hostname text not null,
  pid integer not null,
  status text collate "C" not null default 'running',
  version text not null,
  functions text[] not null,
  lanes text[] not null,
  concurrency integer not null,
  lease_ms integer not null,
  in_flight integer not null default 0,
  processed bigint not null default 0,
  failed bigint not null default 0,
  events_dropped bigint not null default 0,
  started_at timestamptz not null default clock_timestamp(),
  last_heartbeat timestamptz not null default clock_timestamp(),
  died_at timestamptz,
  in_flight_at_death integer,
  charged_id bigint,
  troubles jsonb not null default '[]',
  constraint worker_pkey primary key (worker_id),
  constraint worker_status_is_known check (status in ('running', 'sleeping', 'stopping', 'stopped', 'dead'))
) with (fillfactor = 50);
comment on table lamplighter.worker is 'Worker processes. The lease on a request is its worker''s lease: renewed by the heartbeat, lost with it.';
comment on column lamplighter.worker.lanes is 'function:model pairs that the worker serves.';
comment on column lamplighter.worker.in_flight_at_death is 'Requests it held when it was found dead.';
comment on column lamplighter.worker.troubles is
  'Models that are unavailable at the last heartbeat: objects of model, lanes, error, for_ms and waiting. For the owner: an error may quote a request.';
comment on column lamplighter.worker.charged_id is 'The request that is charged for its death: in quarantine, and alone in its lane.';

create table lamplighter.paused_function (
  function_name text collate "C" not null,
  paused_at timestamptz not null default now(),
  paused_by text not null default session_user,
  constraint paused_function_pkey primary key (function_name)
);
comment on table lamplighter.paused_function is 'Functions of which no request is claimed.';

create function lamplighter.register_worker(
  p_hostname text,
  p_pid integer,
  p_version text,
  p_lanes text[],
  p_concurrency integer,
  p_lease_ms integer
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_worker_id uuid;
begin
  -- Whoever had a longer one could hold requests for ever; a shorter one is over before the heartbeat comes.
  if p_lease_ms is null or p_lease_ms not between 1000 and 3600000 then
    raise exception 'A lease must be between 1 s and 1 h, not % ms', coalesce(p_lease_ms::text, 'NULL') using errcode = '22023';
  end if;
  insert into lamplighter.worker as w (hostname, pid, version, functions, lanes, concurrency, lease_ms)
  values (p_hostname, p_pid, p_version,
          array(select distinct split_part(lane, ':', 1) from unnest(p_lanes) as lane order by 1), p_lanes, p_concurrency, p_lease_ms)
  returning w.worker_id into v_worker_id;
  return v_worker_id;
end
$$;

-- Raises 42501 for a worker that another login has registered: nobody else may keep it alive, end it, claim or answer in its name.
-- Workers that share a login are one party; the schema owner may do everything. An unknown worker is nobody's.
create function lamplighter.require_own_worker(p_worker_id uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if exists (
       select 1 from lamplighter.worker as w
       where w.worker_id = p_worker_id and w.username <> session_user::text collate "C")
     and not pg_has_role(
       session_user, (select c.relowner from pg_class as c where c.oid = 'public.steadytext_queue'::regclass), 'USAGE')
  then
    raise exception 'Worker % belongs to another login', p_worker_id using errcode = '42501';
  end if;
end
$$;

-- Renews the lease, and forgets claims of which the worker holds nothing any more. Not alive when the lease was lost already: the
-- worker must drop what it holds and register again. Tells as well whether there are requests in quarantine that it could run.
-- Lock order: workers, then claims.
create function lamplighter.renew_lease(
  p_worker_id uuid,
  p_status text,
  p_concurrency integer,
  p_in_flight integer,
  p_processed bigint,
  p_failed bigint,
  p_settled_claims bigint[],
  p_troubles jsonb default '[]'
) returns table (is_alive boolean, has_quarantined boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_lanes text[];
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_own_worker(p_worker_id);
  update lamplighter.worker as w
  set status = p_status,
      concurrency = p_concurrency,
      in_flight = p_in_flight,
      processed = p_processed,
      failed = p_failed,
      troubles = p_troubles,
      last_heartbeat = clock_timestamp()
  where w.worker_id = p_worker_id
    and w.status in ('running', 'sleeping', 'stopping')
  returning w.lanes into v_lanes;
  is_alive := found;
  has_quarantined := is_alive and p_status = 'running' and lamplighter.has_quarantined(v_lanes);
  if is_alive then
    delete from lamplighter.claim as c
    where c.worker_id = p_worker_id and c.claim_number = any (p_settled_claims);
  end if;
  return next;
end
$$;

-- Deletes the rows of workers that ended long ago. One that somebody has locked is left for the next time.
create function lamplighter.prune_workers(p_older_than interval) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_pruned bigint;
begin
  delete from lamplighter.worker as w
  where w.worker_id = any (array(
    select old.worker_id
    from lamplighter.worker as old
    where old.status in ('stopped', 'dead')
      and old.last_heartbeat < now() - p_older_than
      and not exists (select 1 from lamplighter.claim as c where c.worker_id = old.worker_id)
    for update skip locked));
  get diagnostics v_pruned = row_count;
  return v_pruned;
end
$$;

create function public.steadytext_worker_status()
returns table (
  worker_id uuid,
  hostname text,
  pid integer,
  status text,
  version text,
  functions text[],
  concurrency integer,
  in_flight integer,
  processed bigint,
  failed bigint,
  started_at timestamptz,
  last_heartbeat timestamptz
)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select w.worker_id, w.hostname, w.pid, seen.status, w.version, w.functions, w.concurrency, w.in_flight, w.processed, w.failed,
         w.started_at, w.last_heartbeat
  from lamplighter.worker as w
  cross join lateral (
    select case when w.status in ('running', 'sleeping', 'stopping')
                     and w.last_heartbeat <= clock_timestamp() - make_interval(secs => w.lease_ms / 1000.0)
                then 'dead' else w.status end
  ) as seen (status)
  -- The living first: documented checks look at the first row only.
  order by seen.status in ('stopped', 'dead'), w.started_at, w.worker_id
$$;
comment on function public.steadytext_worker_status() is
  'The workers, the living first: what they serve, what they hold, and when they last gave a sign of life.';

create function public.steadytext_queue_stats()
returns table (
  function_name text,
  pending bigint,
  processing bigint,
  completed bigint,
  failed bigint,
  cancelled bigint,
  oldest_pending interval,
  avg_processing interval,
  p95_processing interval
)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select q.function_name,
         count(*) filter (where q.status = 'pending'),
         count(*) filter (where q.status = 'processing'),
         count(*) filter (where q.status = 'completed'),
         count(*) filter (where q.status = 'failed'),
         count(*) filter (where q.status = 'cancelled'),
         clock_timestamp() - min(q.created_at) filter (where q.status = 'pending'),
         avg(q.completed_at - q.started_at) filter (where q.status = 'completed'),
         percentile_cont(0.95) within group (order by q.completed_at - q.started_at) filter (where q.status = 'completed')
  from public.steadytext_queue as q
  -- Without the autonomous row of a request that was queued and waited for in one transaction (0009), which took over its outcome.
  -- Autonomous rows have ids of version 4, others have them of version 7 unless the caller made them: most need no search.
  where q.batch_id is null
     or get_byte(uuid_send(q.request_id), 6) >> 4 <> 4
     or not exists (select 1 from public.steadytext_queue as origin where origin.request_id = q.batch_id)
  group by q.function_name
  order by q.function_name
$$;
comment on function public.steadytext_queue_stats() is
  'How many requests of yours are in which state, and how long they wait and run, by function; for the schema owner those of all roles.';

-- Refuses a name that is no function of the queue.
create function lamplighter.require_function(p_function_name text) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if p_function_name is null
     or p_function_name not in ('generate', 'embed', 'generate_json', 'generate_regex', 'generate_choice', 'rerank') then
    raise exception 'Unknown function "%"', coalesce(left(p_function_name, 100), 'NULL') using errcode = '22023',
      hint = 'Functions are generate, embed, generate_json, generate_regex, generate_choice and rerank.';
  end if;
end
$$;

create function public.steadytext_pause(function_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_function(function_name);
  insert into lamplighter.paused_function as p (function_name) values (steadytext_pause.function_name)
  on conflict on constraint paused_function_pkey do nothing;
end
$$;
comment on function public.steadytext_pause(text) is
  'Lets no worker claim requests of a function until steadytext_resume. For the schema owner. function_name: e.g. embed.';

create function public.steadytext_resume(function_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_function(function_name);
  delete from lamplighter.paused_function as p where p.function_name = steadytext_resume.function_name;
  perform lamplighter.wake_workers();
end
$$;
comment on function public.steadytext_resume(text) is
  'Ends what steadytext_pause began. For the schema owner. function_name: e.g. embed.';
