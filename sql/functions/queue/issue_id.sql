-- lamplighter.issue_id (caller)
create or replace function lamplighter.issue_id() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select nextval('public.steadytext_queue_id_seq')
$$;
