-- lamplighter.issue_id (caller)
-- The next id of a request: an insert of a caller gets it without a right on the sequence.
create or replace function lamplighter.issue_id() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select nextval('public.steadytext_queue_id_seq')
$$;
