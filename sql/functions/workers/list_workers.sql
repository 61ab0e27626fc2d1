-- lamplighter.list_workers (worker)
-- What steadytext_worker_status() shows to callers, for the role of a worker, which may read no table.
create or replace function lamplighter.list_workers()
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
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select w.worker_id, w.hostname, w.pid, w.status, w.version, w.functions, w.concurrency, w.in_flight, w.processed, w.failed, w.started_at,
         w.last_heartbeat
  from public.steadytext_worker_status() as w
$$;
