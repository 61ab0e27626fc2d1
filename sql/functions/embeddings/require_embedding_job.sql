-- lamplighter.require_embedding_job (worker)
-- The fence of a job: holds its row FOR SHARE until the transaction ends, so that its generation cannot be raised meanwhile. Raises LL002
-- when it has been.
create or replace function lamplighter.require_embedding_job(p_job bigint, p_generation bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from lamplighter.embedding_job as j where j.id = p_job and j.generation = p_generation and j.state <> 'canceled' for share;
  if not found then
    raise exception 'Embedding job % has changed', p_job using errcode = 'LL002';
  end if;
end
$$;
