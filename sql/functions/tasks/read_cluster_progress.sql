-- lamplighter.read_cluster_progress (caller)
-- How much of a CLUSTER or VACUUM FULL is done, from 0 to 1, by a row of pg_stat_progress_cluster. A scan along an index has no total: the
-- table's estimate of its rows stands for it.
create or replace function lamplighter.read_cluster_progress(p_row jsonb) returns double precision
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case p_row ->> 'phase'
    when 'initializing' then 0
    when 'seq scanning heap' then
      case when p_row ->> 'command' = 'CLUSTER' then 0.3 else 0.6 end
      * coalesce(lamplighter.read_progress_part(p_row, 'heap_blks_scanned', 'heap_blks_total'), 0)
    when 'index scanning heap' then
      0.6 * least((p_row ->> 'heap_tuples_scanned')::double precision
                  / (select greatest(c.reltuples, 1) from pg_class as c where c.oid = (p_row ->> 'relid')::oid), 1)
    when 'sorting tuples' then 0.3
    when 'writing new heap' then 0.35 + 0.25 * coalesce(lamplighter.read_progress_part(p_row, 'heap_tuples_written', 'heap_tuples_scanned'), 0)
    when 'swapping relation files' then 0.6
    when 'rebuilding index' then
      0.6 + 0.38 * least((p_row ->> 'index_rebuild_count')::double precision
                         / (select greatest(count(*), 1) from pg_index as i where i.indrelid = (p_row ->> 'relid')::oid), 1)
    else 0.98
  end
$$;
