-- lamplighter.retry_failures (owner, worker)
-- Embeds rows of an embedding job again that have failed for good: those whose key has one of these md5 hashes, or with null any of the job,
-- 5,000 at most. One row: how many, and where to go on with those of the job (p_from), null at the end: entries of what is gone would be
-- read again otherwise.
create or replace function lamplighter.retry_failures(
  p_job bigint,
  p_hashes uuid[],
  p_from uuid default null,
  out retried bigint,
  out next_from uuid
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  v_hashes uuid[];
  v_keys text[];
begin
  if p_hashes is null then
    v_hashes := array(
      select f.key_hash
      from lamplighter.embedding_failure as f
      where f.job = p_job and f.key_hash >= coalesce(p_from, '00000000-0000-0000-0000-000000000000') and f.is_final
      order by f.key_hash
      limit 5000);
    next_from := v_hashes[5000];
  else
    v_hashes := array(
      select f.key_hash from lamplighter.embedding_failure as f where f.job = p_job and f.is_final and md5(f.key)::uuid = any (p_hashes));
  end if;
  with gone as (
    delete from lamplighter.embedding_failure as f
    where f.job = p_job and f.is_final and f.key_hash = any (v_hashes)
    returning f.key, f.key_hash
  ), unstamped as (
    -- Not deleted: a pass could take a vector that is left for one of this text.
    update lamplighter.embedding_stamp as s
    set is_failed = false, text_hash = null
    from gone as g
    where s.job = p_job and s.key_hash = g.key_hash and s.is_failed
  )
  select array_agg(g.key) into v_keys from gone as g;
  retried := coalesce(cardinality(v_keys), 0);
  if retried = 0 then
    return;
  end if;
  insert into lamplighter.change (job, key) select p_job, k::text[] from unnest(v_keys) as k;
  perform lamplighter.wake_workers('embeddings');
end
$$;
