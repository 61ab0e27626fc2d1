-- lamplighter.record_page (worker)
-- Records one page of the running pass, after read_pass in the same transaction: its rows, and stamps of those that need no vector
-- (pairwise p_stamp_keys and p_stamp_texts, null: blank); takes p_keys, those that need one, into a batch. p_waiting: rows of
-- which a pass has found that they need one, and which wait in a batch. p_place: where the next page
-- begins; null: with the next relation, or nowhere: the pass is over then (is_end). batch_id is null without keys.
create or replace function lamplighter.record_page(
  p_job bigint,
  p_holder uuid,
  p_place tid,
  p_rows integer,
  p_blank integer,
  p_waiting integer,
  p_stamp_keys uuid[],
  p_stamp_texts uuid[],
  p_keys text[]
) returns table (batch_id bigint, is_end boolean, found_rows bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  insert into lamplighter.embedding_stamp as s (job, key_hash, text_hash, is_trusted, dimensions, model)
  select distinct on (u.key_hash) p_job, u.key_hash, u.text_hash, u.text_hash is not null, j.dimensions, j.model
  from unnest(p_stamp_keys, p_stamp_texts) as u (key_hash, text_hash)
  join lamplighter.embedding_job as j on j.id = p_job
  order by u.key_hash
  on conflict on constraint embedding_stamp_pkey do update
  set text_hash = excluded.text_hash, is_failed = false, is_trusted = excluded.is_trusted, dimensions = excluded.dimensions, model = excluded.model, chunk_hash = null;
  -- They failed with a text that is there no more.
  delete from lamplighter.embedding_failure as f where f.job = p_job and f.key_hash = any (p_stamp_keys);
  if cardinality(p_keys) > 0 then
    insert into lamplighter.embedding_batch as b (job, keys, is_of_pass, holder, claimed_at)
    values (p_job, p_keys, true, p_holder, clock_timestamp())
    returning b.id into batch_id;
  end if;
  update lamplighter.embedding_progress as p
  set pass_relations = case when p_place is not null then p.pass_relations
        when cardinality(p.pass_relations) > 1 then p.pass_relations[2:] end,
      pass_blocks = case when p_place is not null then p.pass_blocks else p.pass_blocks[2:] end,
      pass_tid = p_place,
      pass_rows = p.pass_rows + p_rows,
      pass_blank = p.pass_blank + p_blank,
      pass_found = p.pass_found + cardinality(p_keys) + p_waiting,
      served_at = clock_timestamp()
  where p.job = p_job
  returning p.pass_relations is null, p.pass_found into is_end, found_rows;
  if is_end and found_rows = 0 then
    -- A pass for rows without a vector passes over those that wait for another one.
    select coalesce(sum(cardinality(b.keys)), 0) into found_rows
    from lamplighter.embedding_batch as b
    where b.job = p_job and b.is_of_pass;
    update lamplighter.embedding_progress as p set pass_found = found_rows where p.job = p_job and found_rows > 0;
  end if;
  if is_end then
    update lamplighter.embedding_progress as p
    set pass_ended_at = clock_timestamp(),
        full_pass_at = case when p.pass_is_full then clock_timestamp() else p.full_pass_at end,
        trust_ended_at = case when p.pass_is_full then coalesce(p.trust_ended_at, clock_timestamp()) else p.trust_ended_at end,
        row_count = case when p.pass_found = 0 then p.pass_rows else p.row_count end,
        blank_count = case when p.pass_found = 0 then p.pass_blank else p.blank_count end,
        found_count = p.pass_found,
        -- The first pass after a change of the model is a full one, and what that finds is in batches.
        former_model = case when p.pass_found > 0 or p.is_pass_due then p.former_model end
    where p.job = p_job;
  end if;
  return next;
end
$$;
