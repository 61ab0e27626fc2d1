-- lamplighter.list_in_flight (internal)
-- The requests in flight with a worker, of all that it ever claimed.
create or replace function lamplighter.list_in_flight(p_worker_id uuid) returns table (id bigint, function_name text, model text)
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select q.id, q.function_name, q.model
  from public.steadytext_queue as q
  where q.id = any (array(select unnest(c.ids) from lamplighter.claim as c where c.worker_id = p_worker_id))
    and q.status = 'processing' and q.worker_id = p_worker_id
$$;
