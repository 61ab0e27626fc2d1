-- lamplighter.retry_failures (owner, worker)
-- Embeds rows of an embedding job again that have failed for good: those whose key has one of these md5 hashes. Returns how many.
create or replace function lamplighter.retry_failures(p_job bigint, p_hashes uuid[]) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_keys text[];
begin
  with gone as (
    delete from lamplighter.embedding_failure as f
    where f.job = p_job and f.is_final and md5(f.key)::uuid = any (p_hashes)
    returning f.key, f.key_hash
  ), unstamped as (
    -- Not deleted: a pass could take a vector that is left for one of this text.
    update lamplighter.embedding_stamp as s
    set is_failed = false, text_hash = null
    from gone as g
    where s.job = p_job and s.key_hash = g.key_hash and s.is_failed
  )
  select array_agg(g.key) into v_keys from gone as g;
  if v_keys is null then
    return 0;
  end if;
  insert into lamplighter.change (job, key) select p_job, k::text[] from unnest(v_keys) as k;
  perform lamplighter.wake_workers('embeddings');
  return cardinality(v_keys);
end
$$;
