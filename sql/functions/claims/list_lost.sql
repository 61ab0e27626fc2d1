-- lamplighter.list_lost (worker)
-- The requests that a worker believes to be in flight and that are not: completed, cancelled, deleted, rescued or edited.
create or replace function lamplighter.list_lost(p_worker_id uuid, p_ids bigint[], p_attempts integer[])
returns table (id bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  select h.id
  from unnest(p_ids, p_attempts) as h (id, attempt)
  left join public.steadytext_queue as q on q.id = h.id
  where q.id is null or q.worker_id is distinct from p_worker_id or q.attempt <> h.attempt or q.status <> 'processing'
$$;
