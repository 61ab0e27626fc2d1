-- lamplighter.finish_embeddings (worker)
-- Records what became of rows of a batch, in the transaction that writes their vectors, after require_batch. Stamps: pairwise keys' hashes,
-- hashes of texts (null: blank) and of their chunks (null: none). Failures: pairwise keys, their hashes, the hashes of the texts that
-- failed, errors, and whether a later claim is to try again (else capture has logged the row by itself: a trigger changes its text with
-- each write, so that the failures of all its texts count). From as many failures with its text as p_attempts says, a row is left alone,
-- and stamped so. p_again: keys to be tried again uncharged, after p_delay_ms. p_is_done: nothing of the batch is left. p_day: the one that
-- claim_tokens has counted its tokens for, of which p_tokens is the rest; null: today. Returns the keys that failed for good.
create or replace function lamplighter.finish_embeddings(
  p_job bigint,
  p_batch bigint,
  p_stamp_keys uuid[],
  p_stamp_texts uuid[],
  p_stamp_chunks uuid[],
  p_failed_keys text[],
  p_failed_hashes uuid[],
  p_failed_texts uuid[],
  p_errors text[],
  p_is_retried boolean[],
  p_attempts integer[],
  p_again text[],
  p_delay_ms double precision,
  p_is_done boolean,
  p_texts integer,
  p_tokens bigint,
  p_calls integer,
  p_truncated integer,
  p_failed_delay_ms double precision,
  p_day date
) returns text[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_model text;
  v_dimensions integer;
  v_attempt integer;
  v_is_of_pass boolean;
  v_final text[] := '{}';
  v_retried text[] := '{}';
begin
  select j.model, j.dimensions into v_model, v_dimensions from lamplighter.embedding_job as j where j.id = p_job;
  select b.attempt, b.is_of_pass into v_attempt, v_is_of_pass from lamplighter.embedding_batch as b where b.id = p_batch;

  insert into lamplighter.embedding_stamp as s (job, key_hash, text_hash, dimensions, model, chunk_hash)
  select distinct on (u.key_hash) p_job, u.key_hash, u.text_hash, v_dimensions, v_model, u.chunk_hash
  from unnest(p_stamp_keys, p_stamp_texts, p_stamp_chunks) as u (key_hash, text_hash, chunk_hash)
  order by u.key_hash
  on conflict on constraint embedding_stamp_pkey do update
  set text_hash = excluded.text_hash, is_failed = false, is_trusted = false, dimensions = excluded.dimensions, model = excluded.model,
      chunk_hash = excluded.chunk_hash;
  -- Looking up each key costs 0.8 us a row; mostly no row of the job has ever failed.
  if exists (select from lamplighter.embedding_failure as f where f.job = p_job) then
    delete from lamplighter.embedding_failure as f
    where f.job = p_job and f.key_hash = any (p_stamp_keys) and f.key_hash <> all (p_failed_hashes);
  end if;

  if cardinality(p_failed_keys) > 0 then
    with failed as (
      insert into lamplighter.embedding_failure as f (job, key_hash, key, text_hash, attempts, is_final, error)
      select distinct on (u.key_hash) p_job, u.key_hash, u.key, u.text_hash, coalesce(o.attempts, 0) + 1,
             coalesce(o.attempts, 0) + 1 >= u.attempts, u.error
      from unnest(p_failed_keys, p_failed_hashes, p_failed_texts, p_errors, p_is_retried, p_attempts)
        as u (key, key_hash, text_hash, error, is_retried, attempts)
      left join lamplighter.embedding_failure as o
        on o.job = p_job and o.key_hash = u.key_hash and (o.text_hash = u.text_hash or not u.is_retried)
      order by u.key_hash, u.attempts
      on conflict on constraint embedding_failure_pkey do update
      set attempts = excluded.attempts,
          is_final = excluded.is_final,
          text_hash = excluded.text_hash,
          error = excluded.error,
          first_failed_at = case when excluded.attempts = 1 then excluded.first_failed_at else f.first_failed_at end,
          last_failed_at = clock_timestamp()
      returning f.key, f.key_hash, f.is_final
    ), stamped as (
      insert into lamplighter.embedding_stamp as s (job, key_hash, text_hash, is_failed, dimensions, model)
      select p_job, f.key_hash, u.text_hash, true, v_dimensions, v_model
      from failed as f
      join (
        select distinct on (t.key_hash) t.key_hash, t.text_hash from unnest(p_failed_hashes, p_failed_texts) as t (key_hash, text_hash)
      ) as u on u.key_hash = f.key_hash
      where f.is_final
      order by f.key_hash
      on conflict on constraint embedding_stamp_pkey do update
      set text_hash = excluded.text_hash, is_failed = true, is_trusted = false, dimensions = excluded.dimensions, model = excluded.model,
          chunk_hash = null
    )
    select coalesce(array_agg(f.key) filter (where f.is_final), '{}'),
           coalesce(array_agg(f.key) filter (where not f.is_final and r.is_retried), '{}')
    into v_final, v_retried
    from failed as f
    join (
      select distinct on (u.key_hash) u.key_hash, u.is_retried from unnest(p_failed_hashes, p_is_retried) as u (key_hash, is_retried)
    ) as r on r.key_hash = f.key_hash;
    update lamplighter.embedding_progress as p
    set last_error = p_errors[1], last_error_at = clock_timestamp()
    where p.job = p_job;
  end if;

  if p_is_done then
    -- Rows that need nothing any more, as they are gone, or as they were before the text that failed.
    delete from lamplighter.embedding_failure as f
    using lamplighter.embedding_batch as b
    where b.id = p_batch and f.job = p_job and not f.is_final and f.key = any (b.keys)
      and f.key <> all (p_failed_keys) and f.key <> all (p_again);
    delete from lamplighter.embedding_batch as b where b.id = p_batch;
  end if;
  -- Charged rows come back 0.5, 1, 2, 4 seconds later, or after p_failed_delay_ms where that is more; no pass waits for them.
  if cardinality(v_retried) > 0 then
    insert into lamplighter.embedding_batch as b (job, keys, attempt, due_at)
    values (p_job, v_retried, v_attempt + 1,
            clock_timestamp() + make_interval(secs => greatest(least(0.5 * power(2, least(v_attempt, 10)), 60), p_failed_delay_ms / 1000.0)));
  end if;
  if cardinality(p_again) > 0 then
    insert into lamplighter.embedding_batch as b (job, keys, attempt, is_of_pass, due_at)
    values (p_job, p_again, v_attempt + 1, v_is_of_pass, clock_timestamp() + make_interval(secs => p_delay_ms / 1000.0));
  end if;

  if p_texts > 0 or p_calls > 0 then
    insert into lamplighter.embedding_day as d (job, day, model, texts, tokens, calls, truncated)
    values (p_job, coalesce(p_day, (clock_timestamp() at time zone 'UTC')::date), v_model, p_texts, case when p_tokens is not null then greatest(p_tokens, 0) end, p_calls, p_truncated)
    on conflict on constraint embedding_day_pkey do update
    set texts = d.texts + excluded.texts,
        -- Less than claim_tokens has counted, where texts took less.
        tokens = case when coalesce(d.tokens, p_tokens) is not null then greatest(coalesce(d.tokens, 0) + coalesce(p_tokens, 0), 0) end,
        calls = d.calls + excluded.calls,
        truncated = coalesce(d.truncated + excluded.truncated, d.truncated, excluded.truncated);
  end if;
  if cardinality(p_stamp_keys) > 0 then
    insert into lamplighter.embedding_rate as r (job, rate_at)
    values (p_job, clock_timestamp())
    on conflict on constraint embedding_rate_pkey do update
    -- Of the last ten seconds or so.
    set rate = case when r.rate_at < clock_timestamp() - interval '60 seconds' then null
          else coalesce(r.rate, 0) + (cardinality(p_stamp_keys)
            / greatest(extract(epoch from clock_timestamp() - r.rate_at), 0.001) - coalesce(r.rate, 0))
            * (1 - exp(- extract(epoch from clock_timestamp() - r.rate_at) / 10)) end,
        rate_at = clock_timestamp();
  end if;
  return v_final;
end
$$;
