-- lamplighter.prune_quarantine (internal)
-- Forgets the deaths of requests that have ended or are gone. What somebody has locked is left for the next time.
create or replace function lamplighter.prune_quarantine() returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  delete from lamplighter.quarantine as d
  where d.id = any (array(
    select over.id
    from lamplighter.quarantine as over
    where not exists (
      select 1 from public.steadytext_queue as q where q.id = over.id and q.status in ('pending', 'processing'))
    order by over.id
    for update skip locked));
end
$$;
