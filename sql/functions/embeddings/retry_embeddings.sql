-- lamplighter.retry_embeddings (owner, worker)
create or replace function lamplighter.retry_embeddings(job bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_keys text[];
begin
  with gone as (
    delete from lamplighter.embedding_failure as f where f.job = retry_embeddings.job and f.is_final returning f.key, f.key_hash
  ), unstamped as (
    -- Not deleted: a pass could take a vector that is left for one of this text.
    update lamplighter.embedding_stamp as s
    set is_failed = false, text_hash = null
    from gone as g
    where s.job = retry_embeddings.job and s.key_hash = g.key_hash and s.is_failed
  )
  select array_agg(g.key) into v_keys from gone as g;
  if v_keys is null then
    return 0;
  end if;
  insert into lamplighter.change (job, key) select retry_embeddings.job, k::text[] from unnest(v_keys) as k;
  perform lamplighter.wake_workers('embeddings');
  return cardinality(v_keys);
end
$$;

comment on function lamplighter.retry_embeddings(bigint) is
  'Embeds the rows of an embedding job again that have failed for good; returns how many. job: its number in lamplighter.embedding_status.';
