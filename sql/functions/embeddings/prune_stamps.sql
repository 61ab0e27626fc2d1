-- lamplighter.prune_stamps (worker)
-- Forgets rows of a job that are gone: their stamps and their failures, by the hashes of their keys. A row that has come back meanwhile is
-- only looked at once more by a pass. How many stamps there were.
create or replace function lamplighter.prune_stamps(p_job bigint, p_generation bigint, p_key_hashes uuid[]) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  perform lamplighter.require_embedding_job(p_job, p_generation);
  delete from lamplighter.embedding_failure as f where f.job = p_job and f.key_hash = any (p_key_hashes);
  delete from lamplighter.embedding_stamp as s where s.job = p_job and s.key_hash = any (p_key_hashes);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
