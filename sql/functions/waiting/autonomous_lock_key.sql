-- lamplighter.autonomous_lock_key (internal)
-- The advisory lock that the caller of an autonomous row holds while it waits.
create or replace function lamplighter.autonomous_lock_key(p_request_id uuid) returns bigint
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select ('x' || left(replace(p_request_id::text, '-', ''), 16))::bit(64)::bigint
$$;
