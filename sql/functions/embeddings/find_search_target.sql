-- lamplighter.find_search_target (caller)
-- The one job that p_job names for a search, by its id in the jobs table or as schema.table.column of its vectors, among those that the
-- caller may read, as a row of lamplighter.search_target in JSON. A canceled one is found only where no other has that name. Raises 42704 when there is none, 42725 when there are several.
create or replace function lamplighter.find_search_target(p_job text) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_found lamplighter.search_target[];
begin
  select coalesce(array_agg(t order by t.job), '{}') into v_found
  from (
    select s as t, rank() over (order by s.state = 'canceled') as place
    from lamplighter.search_target as s
    where p_job in (
      s.job_id,
      concat_ws('.', coalesce(s.chunk_schema_name, s.schema_name), coalesce(s.chunk_table_name, s.table_name), s.dst_column),
      format('%I.%I.%I', coalesce(s.chunk_schema_name, s.schema_name), coalesce(s.chunk_table_name, s.table_name), s.dst_column))
  ) as named (target, place)
  cross join lateral (select (named.target).*) as t
  where named.place = 1;
  if cardinality(v_found) = 0 then
    raise exception 'There is no embedding job % here whose vectors you may read', p_job using errcode = '42704',
      hint = 'SELECT job_id, schema_name, table_name, dst_table, dst_column, state FROM lamplighter.embedding_status;';
  end if;
  if cardinality(v_found) > 1 then
    raise exception 'Several jobs tables have an embedding job %', p_job using errcode = '42725',
      hint = 'Name the vectors instead: ' || (
        select string_agg(
          quote_literal(format('%I.%I.%I', coalesce(f.chunk_schema_name, f.schema_name), coalesce(f.chunk_table_name, f.table_name), f.dst_column)), ' or '
          order by f.job)
        from unnest(v_found) as f);
  end if;
  return to_jsonb(v_found[1]);
end
$$;
