-- lamplighter.lookup_stamps (worker)
-- What is known of the vectors of rows. is_waiting: the row is in a batch that somebody works on, or that waits for its next try;
-- is_of_pass: a pass has found it there.
create or replace function lamplighter.lookup_stamps(p_job bigint, p_keys text[], p_key_hashes uuid[])
returns table (key_hash uuid, has_stamp boolean, text_hash uuid, is_failed boolean, is_trusted boolean, dimensions integer, model text,
  chunk_hash uuid, is_waiting boolean, is_of_pass boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select k.key_hash, s.key_hash is not null, s.text_hash, s.is_failed, coalesce(s.is_trusted, false), s.dimensions, s.model, s.chunk_hash,
         w.key is not null, coalesce(w.is_of_pass, false)
  from (select distinct on (u.key_hash) u.key_hash, u.key from unnest(p_keys, p_key_hashes) as u (key, key_hash)) as k
  left join lamplighter.embedding_stamp as s on s.job = p_job and s.key_hash = k.key_hash
  left join (
    select b_key as key, bool_or(b.is_of_pass) as is_of_pass
    from lamplighter.embedding_batch as b
    cross join unnest(b.keys) as b_key
    where b.job = p_job
    group by b_key
  ) as w on w.key = k.key
$$;
