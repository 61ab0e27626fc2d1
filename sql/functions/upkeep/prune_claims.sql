-- lamplighter.prune_claims (internal)
-- Forgets the claims of workers that are gone. A claim is kept while one of its rows is still to be had, such as one that somebody has
-- locked.
create or replace function lamplighter.prune_claims(p_worker_ids uuid[]) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  delete from lamplighter.claim as c
  using (
    select o.worker_id, o.claim_number
    from lamplighter.claim as o
    where o.worker_id = any (p_worker_ids)
      and not exists (
        select 1
        from public.steadytext_queue as q
        where q.id = any (o.ids) and q.status = 'processing'
          and (q.worker_id is null or q.worker_id = any (p_worker_ids)))
    order by o.worker_id, o.claim_number
    for update skip locked
  ) as over
  where c.worker_id = over.worker_id and c.claim_number = over.claim_number;
end
$$;
