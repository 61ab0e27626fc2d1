-- 0007_waiting_for_results (schema version 1): steadytext_get_async_result, also in the transaction that queued the request.
--
-- No worker can see a row that its caller has not committed. Where a loopback DSN is set, the request is then queued a second
-- time through dblink, in a transaction of its own: the autonomous row, with the caller's name, and the caller's request_id
-- as its batch_id. The caller waits for that one and its own row takes over the outcome. While it waits it holds an advisory
-- lock; when the lock is gone and the autonomous row has not ended, a worker cancels it.
create table lamplighter.loopback (
  is_singleton boolean not null default true,
  dsn text not null,
  constraint loopback_pkey primary key (is_singleton),
  constraint loopback_is_singleton check (is_singleton)
);
comment on table lamplighter.loopback is 'How dblink reaches this database again. May hold a password: readable by the owner only.';
-- Without a policy nobody else reads it, not even who may read all data (pg_read_all_data), as logins for backups may.
alter table lamplighter.loopback enable row level security;

create table lamplighter.autonomous_request (
  request_id uuid not null,
  origin_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint autonomous_request_pkey primary key (request_id)
);
comment on table lamplighter.autonomous_request is 'Autonomous rows whose caller may still be waiting.';
