-- lamplighter.isolate_batch (worker)
-- Notes that the process has nothing in flight but this row of this batch: if it dies now, rescue_batches holds it against this row, and against
-- nothing else that the process has claimed. Other keys of the batch, of which no row needs a vector any more, become a batch of nobody's.
-- Before it takes up anything else, the process notes that this is over. False: the row is not in the batch, or the batch is not the
-- holder's any more.
create or replace function lamplighter.isolate_batch(p_batch bigint, p_holder uuid, p_key text, p_is_isolated boolean) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_own_worker(p_holder);
  perform from lamplighter.embedding_batch as b
  where b.id = p_batch and b.holder = p_holder and p_key = any (b.keys)
  for update;
  if not found then
    return false;
  end if;
  insert into lamplighter.embedding_batch (job, keys, attempt, is_of_pass)
  select b.job, array_remove(b.keys, p_key), b.attempt, b.is_of_pass
  from lamplighter.embedding_batch as b
  where b.id = p_batch and cardinality(b.keys) > 1;
  update lamplighter.embedding_batch as b
  set keys = array[p_key], is_isolated = p_is_isolated
  where b.id = p_batch;
  return true;
end
$$;
