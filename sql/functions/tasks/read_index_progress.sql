-- lamplighter.read_index_progress (caller)
-- How much of an index build is done, from 0 to 1, by a row of pg_stat_progress_create_index. The build: half for the scan of the table, a
-- tenth for the sort, the rest for loading; access methods that have one phase (hnsw, gin, gist) go by the table's blocks. CONCURRENTLY: 70
-- hundredths for the build, 25 for the validation, 5 for the waits. While PostgreSQL reads the first block of a table it reports all of
-- them as done.
create or replace function lamplighter.read_index_progress(p_row jsonb) returns double precision
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_phase constant text := p_row ->> 'phase';
  v_blocks constant double precision := coalesce(lamplighter.read_progress_part(p_row, 'blocks_done', 'blocks_total'), 0);
  v_tuples constant double precision := lamplighter.read_progress_part(p_row, 'tuples_done', 'tuples_total');
  v_waited constant double precision := coalesce(lamplighter.read_progress_part(p_row, 'lockers_done', 'lockers_total'), 0);
  v_partitions constant double precision := coalesce((p_row ->> 'partitions_total')::double precision, 0);
  v_part double precision;
begin
  v_part := case
    when v_phase = 'building index: scanning table' then 0.5 * v_blocks
    when v_phase = 'building index: sorting live tuples' then 0.5
    when v_phase = 'building index: sorting dead tuples' then 0.58
    when v_phase = 'building index: loading tuples in tree' then 0.6 + 0.4 * coalesce(v_tuples, 0)
    when v_phase = 'building index: performing k-means' then 0.02
    when v_phase = 'building index: assigning tuples' then 0.05 + 0.55 * coalesce(v_tuples, v_blocks)
    when v_phase = 'building index: loading tuples' and v_tuples is not null then 0.6 + 0.4 * v_tuples
    when v_phase like 'building index%' then v_blocks
  end;
  if p_row ->> 'command' like '% CONCURRENTLY' then
    v_part := case
      when v_phase = 'waiting for writers before build' then 0.01 * v_waited
      when v_part is not null then 0.01 + 0.7 * v_part
      when v_phase = 'waiting for writers before validation' then 0.71 + 0.01 * v_waited
      when v_phase = 'index validation: scanning index' then 0.72 + 0.08 * v_blocks
      when v_phase = 'index validation: sorting tuples' then 0.8
      when v_phase = 'index validation: scanning table' then 0.82 + 0.15 * v_blocks
      when v_phase = 'waiting for old snapshots' then 0.97 + 0.01 * v_waited
      when v_phase = 'waiting for readers before marking dead' then 0.98 + 0.01 * v_waited
      when v_phase = 'waiting for readers before dropping' then 0.99 + 0.01 * v_waited
      else 0
    end;
  end if;
  if v_partitions > 0 then
    return least(((p_row ->> 'partitions_done')::double precision + coalesce(v_part, 0)) / v_partitions, 1);
  end if;
  return coalesce(v_part, 0);
end
$$;
