-- 0005_cached_results (schema version 1): what workers run for every request.
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
