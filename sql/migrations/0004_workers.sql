-- 0004_workers (schema version 1): worker processes, their leases, what one of them does for all, and the pause of a function.
create table lamplighter.worker (
  worker_id uuid not null default gen_random_uuid(),
  process_id uuid,
  kind text collate "C" not null default 'worker',
  username text not null default session_user,
  hostname text not null,
  pid integer not null,
  host_process text,
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
  memory_bytes bigint,
  started_at timestamptz not null default clock_timestamp(),
  last_heartbeat timestamptz not null default clock_timestamp(),
  died_at timestamptz,
  in_flight_at_death integer,
  charged_id bigint,
  troubles jsonb not null default '[]',
  constraint worker_pkey primary key (worker_id),
  constraint worker_kind_is_known check (kind in ('worker', 'daemon')),
  constraint worker_status_is_known check (status in ('running', 'sleeping', 'stopping', 'stopped', 'dead'))
) with (fillfactor = 50);
comment on table lamplighter.worker is 'Processes that hold work: workers and daemons. The lease on a request is its worker''s lease: renewed by the heartbeat, lost with it.';
comment on column lamplighter.worker.process_id is
  'Of the process that holds the lease, as in each line of its log: a daemon has a lease in each database, and a lost lease gets a successor.';
comment on column lamplighter.worker.host_process is
  'By what its kernel tells the process from all others: boot, namespace, pid and start. Who shares the first two can see whether it runs. Null: unknown.';
comment on column lamplighter.worker.kind is 'worker: serves requests or tasks; daemon: keeps embeddings.';
comment on column lamplighter.worker.lanes is 'function:model pairs that the worker serves; none for one that serves no requests.';
comment on column lamplighter.worker.memory_bytes is 'Resident memory of its process at the last heartbeat, without the processes of its engines.';
comment on column lamplighter.worker.in_flight_at_death is 'Requests in flight with it when it was found dead.';
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

create table lamplighter.duty (
  name text collate "C" not null,
  worker_id uuid not null,
  claimed_at timestamptz not null,
  constraint duty_pkey primary key (name),
  constraint duty_name_is_short check (length(name) <= 64)
) with (fillfactor = 10);
comment on table lamplighter.duty is
  'What one worker does for the whole installation, again and again: who did it last, and when. An absent row is due.';
