-- lamplighter.read_vacuum_progress (caller)
-- How much of a VACUUM is done, from 0 to 1, by a row of pg_stat_progress_vacuum. Where dead rows do not fit into memory the phases come
-- round several times: until the scan is complete only the scan counts.
create or replace function lamplighter.read_vacuum_progress(p_row jsonb) returns double precision
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when p_row ->> 'phase' = 'initializing' then 0
    when p_row ->> 'phase' = 'scanning heap' or scanned.part < 1 then 0.5 * scanned.part
    when p_row ->> 'phase' = 'vacuuming indexes' then 0.5 + 0.2 * indexes.part
    when p_row ->> 'phase' = 'vacuuming heap' then 0.7 + 0.2 * vacuumed.part
    when p_row ->> 'phase' = 'cleaning up indexes' then 0.9 + 0.05 * indexes.part
    when p_row ->> 'phase' = 'truncating heap' then 0.95
    else 0.98
  end
  from coalesce(lamplighter.read_progress_part(p_row, 'heap_blks_scanned', 'heap_blks_total'), 1) as scanned (part),
       coalesce(lamplighter.read_progress_part(p_row, 'heap_blks_vacuumed', 'heap_blks_total'), 0) as vacuumed (part),
       coalesce(lamplighter.read_progress_part(p_row, 'indexes_processed', 'indexes_total'), 0) as indexes (part)
$$;
