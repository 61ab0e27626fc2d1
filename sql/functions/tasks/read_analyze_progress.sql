-- lamplighter.read_analyze_progress (caller)
-- How much of an ANALYZE is done, from 0 to 1, by a row of pg_stat_progress_analyze.
create or replace function lamplighter.read_analyze_progress(p_row jsonb) returns double precision
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case p_row ->> 'phase'
    when 'initializing' then 0
    when 'acquiring sample rows' then 0.9 * sampled.part
    when 'acquiring inherited sample rows' then
      0.9 * least(((p_row ->> 'child_tables_done')::double precision + sampled.part)
                  / greatest((p_row ->> 'child_tables_total')::double precision, 1), 1)
    when 'computing statistics' then 0.9
    when 'computing extended statistics' then 0.95
    else 0.98
  end
  from coalesce(lamplighter.read_progress_part(p_row, 'sample_blks_scanned', 'sample_blks_total'), 0) as sampled (part)
$$;
