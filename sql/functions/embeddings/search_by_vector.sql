-- lamplighter.search_by_vector (caller)
-- By itself an index of pgvector gives 40 rows at most (hnsw.ef_search), or those of one list (ivfflat.probes), less what policies hide: while
-- the search runs, it is read on until there are k rows, unless the session has said how (from pgvector 0.8 on).
create or replace function lamplighter.search_by_vector(job text, query_vector real[], k integer default 10)
returns table (key jsonb, chunk_no integer, chunk text, distance double precision)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_target lamplighter.search_target;
  v_vector_schema name;
  v_hnsw text;
  v_ivfflat text;
begin
  if coalesce(search_by_vector.k, 10) < 1 then
    raise exception 'k must be 1 or more, got %', search_by_vector.k using errcode = '22023';
  end if;
  v_target := jsonb_populate_record(null::lamplighter.search_target, lamplighter.find_search_target(search_by_vector.job));
  if array_ndims(query_vector) is distinct from 1 or cardinality(query_vector) <> v_target.dimensions
    or array_position(query_vector, null) is not null
  then
    raise exception 'Expected a vector of % numbers, as the job has them, got %', v_target.dimensions,
      case
        when query_vector is null then 'NULL'
        when cardinality(query_vector) <> v_target.dimensions then cardinality(query_vector)::text
        when array_ndims(query_vector) > 1 then 'a matrix'
        else 'NULL among them' end using errcode = '22023',
      hint = format('Embed the query with the model of the job: %s.', v_target.model);
  end if;
  select n.nspname into v_vector_schema
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'vector';
  if found then
    -- The settings are known once the library is loaded.
    execute format('select %L::%I.vector', '[1]', v_vector_schema);
    v_hnsw := current_setting('hnsw.iterative_scan', true);
    v_ivfflat := current_setting('ivfflat.iterative_scan', true);
  end if;
  if v_hnsw = 'off' then
    perform set_config('hnsw.iterative_scan', 'strict_order', true);
  end if;
  if v_ivfflat = 'off' then
    perform set_config('ivfflat.iterative_scan', 'relaxed_order', true);
  end if;
  return query execute lamplighter.build_search(to_jsonb(v_target)) using query_vector, coalesce(search_by_vector.k, 10);
  if v_hnsw = 'off' then
    perform set_config('hnsw.iterative_scan', 'off', true);
  end if;
  if v_ivfflat = 'off' then
    perform set_config('ivfflat.iterative_scan', 'off', true);
  end if;
end
$$;

comment on function lamplighter.search_by_vector(text, real[], integer) is
  'The rows, or chunks, of an embedding job that are nearest to a vector, the nearest first. job: its id, or schema.table.column of its vectors. query_vector: made by the model of the job. k: how many.';
