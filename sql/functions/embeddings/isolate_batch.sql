-- lamplighter.isolate_batch (worker)
-- Notes that the process has nothing in flight but this batch of one row: if it dies now, rescue_batches holds it against this row, and against
-- nothing else that the process has claimed. Before it takes up anything else, the process notes that this is over. False: the batch has
-- several rows, or is not the holder's any more.
create or replace function lamplighter.isolate_batch(p_batch bigint, p_holder uuid, p_is_isolated boolean) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_own_worker(p_holder);
  update lamplighter.embedding_batch as b
  set is_isolated = p_is_isolated
  where b.id = p_batch and b.holder = p_holder and cardinality(b.keys) = 1;
  return found;
end
$$;
