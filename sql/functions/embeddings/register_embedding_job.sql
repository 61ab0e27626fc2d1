-- lamplighter.register_embedding_job (worker)
-- Makes a job of the daemon known, or takes over what has changed of it, which raises its generation. A job whose key or target is another
-- one is made anew: its log, batches and stamps would speak of other rows. taken_by names the job that embeds into that column, or keeps
-- chunks in that table, already; nothing is registered then. A column that another job has filled before is made anew. Lock order: jobs, then the rest.
create or replace function lamplighter.register_embedding_job(
  p_control_id text,
  p_job_id text,
  p_table_oid oid,
  p_schema_name text,
  p_table_name text,
  p_src_column text,
  p_src_attnum smallint,
  p_dst_column text,
  p_dst_attnum smallint,
  p_key_columns text[],
  p_key_attnums smallint[],
  p_column_type text,
  p_model text,
  p_dimensions integer,
  p_capture_limit_bytes bigint,
  p_filter_column text,
  p_filter_attnum smallint,
  p_chunk_table_oid oid,
  p_chunk_schema_name text,
  p_chunk_table_name text,
  p_chunk_size integer,
  p_chunk_overlap integer
) returns table (id bigint, generation bigint, is_changed boolean, trusts_vectors boolean, taken_by text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_job lamplighter.embedding_job;
  v_days lamplighter.embedding_day[];
begin
  select j.job_id into taken_by
  from lamplighter.embedding_job as j
  where (coalesce(j.chunk_table_oid, j.table_oid), j.dst_attnum) = (coalesce(p_chunk_table_oid, p_table_oid), p_dst_attnum)
    and j.state <> 'canceled' and (j.control_id, j.job_id) <> (p_control_id, p_job_id)
  union all
  select j.job_id
  from lamplighter.embedding_job as j
  where j.chunk_table_oid = p_chunk_table_oid and j.state <> 'canceled' and (j.control_id, j.job_id) <> (p_control_id, p_job_id)
  limit 1;
  if found then
    return next;
    return;
  end if;

  select * into v_job
  from lamplighter.embedding_job as j
  where j.control_id = p_control_id and j.job_id = p_job_id
  for no key update;
  if found and (case when v_job.table_oid = p_table_oid then v_job.key_attnums <> p_key_attnums else v_job.key_columns <> p_key_columns end
    or (v_job.table_oid <> p_table_oid and (v_job.schema_name, v_job.table_name) <> (p_schema_name, p_table_name))
    or (v_job.dst_attnum <> p_dst_attnum and v_job.dst_column <> p_dst_column)
    or (v_job.chunk_table_oid is distinct from p_chunk_table_oid
        and (v_job.chunk_schema_name, v_job.chunk_table_name) is distinct from (p_chunk_schema_name, p_chunk_table_name)))
  then
    -- What it has cost is told, and counts for the day, wherever its vectors go.
    v_days := array(select d from lamplighter.embedding_day as d where d.job = v_job.id);
    perform lamplighter.remove_embedding_job(v_job.id);
    -- What the log and the markers said of its rows is lost with it, and nobody has kept up vectors of a place that it comes back to.
    trusts_vectors := false;
    v_job := null;
  end if;

  if v_job.id is null then
    -- Another job has left the column, or is canceled: its vectors may be of another model, and of texts before.
    delete from lamplighter.abandoned_column as a
    where (a.table_oid, a.dst_attnum) = (coalesce(p_chunk_table_oid, p_table_oid), p_dst_attnum);
    if found or exists (
      select 1
      from lamplighter.embedding_job as j
      where (coalesce(j.chunk_table_oid, j.table_oid), j.dst_attnum) = (coalesce(p_chunk_table_oid, p_table_oid), p_dst_attnum))
    then
      trusts_vectors := false;
    end if;
    insert into lamplighter.embedding_job as j (
      control_id, job_id, table_oid, schema_name, table_name, src_column, src_attnum, dst_column, dst_attnum, key_columns, key_attnums, column_type,
      model, dimensions, trusted_model, filter_column, filter_attnum, chunk_table_oid, chunk_schema_name, chunk_table_name, chunk_size,
      chunk_overlap, capture_limit_bytes, capture_name)
    values (
      p_control_id, p_job_id, p_table_oid, p_schema_name, p_table_name, p_src_column, p_src_attnum, p_dst_column, p_dst_attnum,
      p_key_columns, p_key_attnums, p_column_type, p_model, p_dimensions, case when trusts_vectors is false then '' else p_model end,
      p_filter_column, p_filter_attnum, p_chunk_table_oid, p_chunk_schema_name, p_chunk_table_name, p_chunk_size, p_chunk_overlap,
      p_capture_limit_bytes,
      'capture_' || replace(gen_random_uuid()::text, '-', ''))
    returning j.id, j.generation into id, generation;
    insert into lamplighter.embedding_progress (job) values (id);
    insert into lamplighter.embedding_day (job, day, model, texts, tokens, calls, truncated)
    select id, d.day, d.model, d.texts, d.tokens, d.calls, d.truncated from unnest(v_days) as d;
    is_changed := true;
    trusts_vectors := trusts_vectors is not false;
    return next;
    return;
  end if;

  id := v_job.id;
  is_changed := v_job.state = 'canceled'
    or (v_job.table_oid, v_job.src_attnum, v_job.dst_attnum, v_job.column_type, v_job.model, v_job.dimensions)
       <> (p_table_oid, p_src_attnum, p_dst_attnum, p_column_type, p_model, p_dimensions)
    or (v_job.filter_attnum, v_job.chunk_table_oid, v_job.chunk_size, v_job.chunk_overlap)
       is distinct from (p_filter_attnum, p_chunk_table_oid, p_chunk_size, p_chunk_overlap);
  generation := v_job.generation + is_changed::integer;
  -- A document whose key changes has no stamp: its chunks could be of any model that the job has had.
  trusts_vectors := p_model = v_job.trusted_model and (p_chunk_table_oid is null or p_model = v_job.model);
  if is_changed
    or (v_job.schema_name, v_job.table_name, v_job.src_column, v_job.dst_column, v_job.key_columns, v_job.capture_limit_bytes)
       <> (p_schema_name, p_table_name, p_src_column, p_dst_column, p_key_columns, p_capture_limit_bytes)
    or (v_job.filter_column, v_job.chunk_schema_name, v_job.chunk_table_name)
       is distinct from (p_filter_column, p_chunk_schema_name, p_chunk_table_name)
  then
    update lamplighter.embedding_job as j
    set table_oid = p_table_oid,
        schema_name = p_schema_name,
        table_name = p_table_name,
        src_column = p_src_column,
        src_attnum = p_src_attnum,
        dst_column = p_dst_column,
        dst_attnum = p_dst_attnum,
        key_columns = p_key_columns,
        key_attnums = p_key_attnums,
        column_type = p_column_type,
        model = p_model,
        dimensions = p_dimensions,
        trusted_model = case when p_chunk_table_oid is null or p_model = v_job.model then j.trusted_model else '' end,
        filter_column = p_filter_column,
        filter_attnum = p_filter_attnum,
        chunk_table_oid = p_chunk_table_oid,
        chunk_schema_name = p_chunk_schema_name,
        chunk_table_name = p_chunk_table_name,
        chunk_size = p_chunk_size,
        chunk_overlap = p_chunk_overlap,
        capture_limit_bytes = p_capture_limit_bytes,
        generation = v_job.generation + is_changed::integer,
        -- With another function comes another trigger, which waits for those who still run the former one.
        capture_name = case
          when v_job.state = 'canceled' or (v_job.table_oid, v_job.src_attnum) <> (p_table_oid, p_src_attnum)
            or v_job.filter_attnum is distinct from p_filter_attnum
          then 'capture_' || replace(gen_random_uuid()::text, '-', '') else j.capture_name end,
        state = case when is_changed then 'preparing' else j.state end,
        reason = case when is_changed then null else j.reason end
    where j.id = v_job.id;
  end if;
  if is_changed then
    update lamplighter.embedding_progress as p
    set is_pass_due = true, pass_relations = null, pass_tid = null,
        former_model = case
          when p_model = v_job.model then p.former_model
          when p_model = p.former_model then v_job.model
          else coalesce(p.former_model, v_job.model) end,
        -- What was not looked at by then may have changed unseen, or is of another column.
        trust_ended_at = case
          when v_job.state = 'canceled' or (v_job.table_oid, v_job.src_attnum, v_job.dst_attnum) <> (p_table_oid, p_src_attnum, p_dst_attnum)
          then coalesce(p.trust_ended_at, clock_timestamp()) else p.trust_ended_at end
    where p.job = v_job.id;
    if v_job.dst_attnum <> p_dst_attnum then
      -- They speak of vectors in another column.
      delete from lamplighter.embedding_stamp as s where s.job = v_job.id and not s.is_failed;
    end if;
  end if;
  return next;
end
$$;
