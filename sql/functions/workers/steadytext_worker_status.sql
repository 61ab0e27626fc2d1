-- public.steadytext_worker_status (caller)
create or replace function public.steadytext_worker_status()
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
  where w.kind = 'worker'
  -- The living first: documented checks look at the first row only.
  order by seen.status in ('stopped', 'dead'), w.started_at, w.worker_id
$$;

comment on function public.steadytext_worker_status() is
  'The workers, running ones first: their functions, their requests in flight, and their last heartbeat.';
