-- lamplighter.release_batch (worker)
-- Gives a batch back, to be claimed again after p_delay_ms; nobody is charged. False: it was not the holder's any more.
create or replace function lamplighter.release_batch(p_batch bigint, p_holder uuid, p_delay_ms double precision) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_own_worker(p_holder);
  update lamplighter.embedding_batch as b
  set holder = null, is_isolated = false, due_at = clock_timestamp() + make_interval(secs => p_delay_ms / 1000.0)
  where b.id = p_batch and b.holder = p_holder;
  return found;
end
$$;
