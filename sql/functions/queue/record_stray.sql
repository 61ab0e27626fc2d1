-- lamplighter.record_stray (internal)
-- Lets the rescuer find a request that is processing without having been claimed.
create or replace function lamplighter.record_stray(p_worker_id uuid, p_id bigint) returns void
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into lamplighter.claim (worker_id, claim_number, ids)
  values (coalesce(p_worker_id, '00000000-0000-0000-0000-000000000000'), -p_id, array[p_id])
  on conflict on constraint claim_pkey do nothing
$$;
