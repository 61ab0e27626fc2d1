-- lamplighter.prune_after_truncate (internal)
-- TRUNCATE ... RESTART IDENTITY issues the same ids again: what was recorded by id must not pass to new requests.
create or replace function lamplighter.prune_after_truncate() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from lamplighter.cached_result;
  delete from lamplighter.quarantine;
  delete from lamplighter.claim;
  return null;
end
$$;

create or replace trigger prune_after_truncate after truncate on public.steadytext_queue
  for each statement
  execute function lamplighter.prune_after_truncate();
