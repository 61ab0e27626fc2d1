-- lamplighter.list_processes (caller, worker, monitor)
-- Workers and daemons, as they stand: those whose lease has run out are dead. unavailableLanes are those whose model cannot be used.
create or replace function lamplighter.list_processes()
returns table (
  "workerId" uuid,
  "processId" uuid,
  kind text,
  hostname text,
  pid integer,
  status text,
  version text,
  functions text[],
  lanes text[],
  concurrency integer,
  "inFlight" integer,
  "taskConcurrency" integer,
  processed bigint,
  failed bigint,
  "memoryBytes" bigint,
  "unavailableLanes" text[],
  "startedAt" timestamptz,
  "lastHeartbeat" timestamptz,
  "leaseUntil" timestamptz
)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select w.worker_id, w.process_id, w.kind, w.hostname, w.pid,
         case when w.status in ('running', 'sleeping', 'stopping') and lease.until <= clock_timestamp() then 'dead' else w.status end,
         w.version, w.functions, w.lanes, w.concurrency, w.in_flight, t.concurrency, w.processed, w.failed,
         w.memory_bytes, unavailable.lanes, w.started_at, w.last_heartbeat, lease.until
  from lamplighter.worker as w
  left join lamplighter.task_worker as t on t.worker_id = w.worker_id
  cross join lateral (
    select array_agg(lane.key #>> '{}' order by lane.key #>> '{}') from jsonb_path_query(w.troubles, '$[*].lanes[*]') as lane (key)
  ) as unavailable (lanes)
  cross join lateral (select w.last_heartbeat + make_interval(secs => w.lease_ms / 1000.0)) as lease (until)
$$;
