-- lamplighter.read_pending_bound (internal)
-- An upper bound for the number of pending requests, without counting. Negative when ids are issued anew, so that nothing is known.
create or replace function lamplighter.read_pending_bound() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select issued.last_value - base.last_value
  from public.steadytext_queue_id_seq as issued
  cross join lamplighter.pending_base as base
$$;
