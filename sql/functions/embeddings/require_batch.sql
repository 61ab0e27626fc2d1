-- lamplighter.require_batch (worker)
-- Begins a transaction that writes vectors: holds the job's row as require_embedding_job does, and the batch, which nobody can rescue
-- meanwhile. Raises LL001 when the batch is no longer the holder's, and LL002 when the job has changed. Lock order: the job, the batch, then
-- rows of the user's, then what finish_embeddings writes.
create or replace function lamplighter.require_batch(p_job bigint, p_generation bigint, p_batch bigint, p_holder uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_own_worker(p_holder);
  perform lamplighter.require_embedding_job(p_job, p_generation);
  perform 1 from lamplighter.embedding_batch as b where b.id = p_batch and b.holder = p_holder for no key update;
  if not found then
    raise exception 'Batch % is no longer held by %', p_batch, p_holder using errcode = 'LL001';
  end if;
end
$$;
