-- 0001_private_schema_and_settings (schema version 1): the private schema, and the settings that callers and workers share.
--
-- A tour of the whole schema. Tables are in the migrations, functions in sql/functions/<area>:
--   public.steadytext_queue          the queue: one row a request, its result in place (0002)
--   public.steadytext_*()            what callers run: enqueue, wait, cancel, retry, prune, check (enqueue, results, waiting)
--   lamplighter.worker               one row a worker process: its lease, renewed by a heartbeat (0004)
--   lamplighter.claim                which requests a worker took at once, for the rescuer (0002)
--   lamplighter.claim_requests() ..  what workers run: claim, finish, rescue, promote (claims, upkeep)
--   lamplighter.waiting              the flags by which idle processes ask to be woken, by topic (0003)
--   lamplighter.autonomous_request   requests that run while their caller's transaction is still open (0007)
--   lantern.tasks, .task_status      async tasks as callers see them (0008, tasks)
--   lamplighter.task_run             the state of each task, and the session that runs it (0008)
--   lamplighter.handler, .delivery   functions of callers that are called for requests that end (0010, handlers)
--   lamplighter.embedding_*, .change what is embedded, what of it has changed, and what is known of its vectors (0009, embeddings)
--   lamplighter.metric_*             what is measured of all three systems, by minute and by hour (0011, monitoring)
--   lamplighter.migration, .routine  the ledgers of migrations and functions (0001)
--   lamplighter.installation         in which server and database it works, by which a copy is known (0001, installation)
-- Callers' functions are security invoker and lean on row-level security; workers' functions are security definer, so that
-- a worker's role needs no right on any table.
create schema lamplighter;
comment on schema lamplighter is 'Private to Lamplighter: internal state and functions.';

create table lamplighter.migration (
  number integer not null,
  name text not null,
  schema_version integer not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp(),
  applied_by text not null default current_user,
  constraint migration_pkey primary key (number)
);
comment on table lamplighter.migration is 'The ledger: which migrations this schema has. Its highest schema_version is the schema''s.';

create table lamplighter.routine (
  schema_name text collate "C" not null,
  name text collate "C" not null,
  arguments text not null,
  audience text[] not null,
  signature text not null,
  checksum text not null,
  retired_in integer,
  applied_at timestamptz not null default clock_timestamp(),
  applied_by text not null default current_user,
  constraint routine_pkey primary key (schema_name, name),
  constraint routine_audience_is_known check (audience <@ array['caller', 'worker', 'monitor', 'owner', 'internal'])
);
comment on table lamplighter.routine is
  'The ledger of functions: from which text each was made, and who may execute it. Grants, revokes and uninstall go by it.';
comment on column lamplighter.routine.arguments is 'As pg_get_function_identity_arguments has them.';
comment on column lamplighter.routine.retired_in is
  'The version of the schema that has no use for it any more. Workers of the version before may have: the version after drops it.';
comment on column lamplighter.routine.audience is
  'caller: whoever was granted the use. worker: logins that run workers. monitor: roles that see figures. owner: the schema''s owner. internal: other functions only.';

create table lamplighter.installation (
  is_singleton boolean not null default true,
  system_identifier text,
  timeline integer,
  origin text not null,
  noted_at timestamptz not null default clock_timestamp(),
  constraint installation_pkey primary key (is_singleton),
  constraint installation_is_singleton check (is_singleton)
);
comment on table lamplighter.installation is
  'Where the database was that migrate last noted as the one that works (lamplighter.read_place()). A copy has the note, and is elsewhere.';
comment on column lamplighter.installation.system_identifier is 'Of the server''s data; null on hosts that let nobody read it.';
comment on column lamplighter.installation.timeline is 'Higher after a standby, or a copy of the server''s files, was promoted.';
comment on column lamplighter.installation.origin is 'Of which database it is (lamplighter.read_task_origin()).';

create table lamplighter.setting (
  name text collate "C" not null,
  value text,
  server_value text,
  server_read_at timestamptz,
  constraint setting_pkey primary key (name),
  constraint setting_name_is_known check (name in ('worker_concurrency', 'worker_poll_interval', 'max_queue_size'))
);
comment on table lamplighter.setting is 'Settings in the database. A server setting (steadytext.NAME) overrides the stored value.';
comment on column lamplighter.setting.value is 'Set by lamplighter.set(); null when not set.';
comment on column lamplighter.setting.server_value is 'The value of steadytext.NAME that a worker last saw in a fresh session; null if not set there.';

insert into lamplighter.setting (name) values ('worker_concurrency'), ('worker_poll_interval'), ('max_queue_size');
