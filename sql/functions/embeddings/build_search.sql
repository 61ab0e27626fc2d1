-- lamplighter.build_search (caller)
-- The statement of a search over the vectors of p_target: $1 the vector that is searched for as real[], $2 how many rows. Names come from the
-- job and from the catalog, and are quoted.
-- A column of pgvector is ordered by the operator of its index, so that the index is used, else by the cosine distance; what comes back is
-- always that distance. Vectors are of one length, so that every operator gives the same order. Rows of a chunk table are the caller's to
-- read only as far as those of the texts are, where policies say which. p_target is JSON: a function that has the row type of a view in its
-- signature could not be dropped after it, as uninstall does.
create or replace function lamplighter.build_search(p_target jsonb) returns text
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_target constant lamplighter.search_target := jsonb_populate_record(null::lamplighter.search_target, p_target);
  v_table constant oid := coalesce(v_target.chunk_table_oid, v_target.table_oid);
  v_vector_schema name;
  v_is_of_pgvector boolean := false;
  v_type text;
  v_query text;
  v_vector text := format('t.%I', v_target.dst_column);
  v_distance text;
  v_order text;
  v_key text;
  v_same_key text;
  v_condition text := '';
begin
  select n.nspname into v_vector_schema
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'vector';
  with recursive base (oid) as (
    select a.atttypid
    from pg_attribute as a
    where a.attrelid = v_table and a.attname = v_target.dst_column and a.attnum > 0 and not a.attisdropped
    union all
    select y.typbasetype
    from base as b
    join pg_type as y on y.oid = b.oid
    where y.typtype = 'd'
  )
  select format('%I.%I', n.nspname, y.typname), coalesce(n.nspname = v_vector_schema and y.typname in ('vector', 'halfvec'), false)
  into v_type, v_is_of_pgvector
  from base as b
  join pg_type as y on y.oid = b.oid and y.typtype <> 'd'
  join pg_namespace as n on n.oid = y.typnamespace;
  if v_type is null then
    raise exception 'The vectors of embedding job % are no longer where they were', v_target.job_id using errcode = '42703',
      hint = 'The daemon looks at the job again within a minute: see reason in lamplighter.embedding_status.';
  end if;

  select string_agg(format('%L, t.%I', k.name, k.name), ', ' order by k.position),
         string_agg(format('x.%I = t.%I', k.name, k.name), ' and ' order by k.position)
  into v_key, v_same_key
  from unnest(v_target.key_columns) with ordinality as k (name, position);

  if v_is_of_pgvector then
    v_query := format('$1::%s(%s)', v_type, v_target.dimensions);
    v_distance := format('(%s operator(%I.<=>) %s)', v_vector, v_vector_schema, v_query);
    select format('%s operator(%I.%s) %s', v_vector, v_vector_schema, o.oprname, v_query) into v_order
    from pg_index as i
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] and a.attname = v_target.dst_column
    join pg_opclass as c on c.oid = i.indclass[0]
    join pg_am as m on m.oid = c.opcmethod and m.amname in ('hnsw', 'ivfflat')
    join pg_amop as p on p.amopfamily = c.opcfamily and p.amopmethod = m.oid and p.amoppurpose = 'o'
    join pg_operator as o on o.oid = p.amopopr and o.oprnamespace = v_vector_schema::text::regnamespace
    where i.indrelid = v_table and i.indisvalid
    order by o.oprname <> '<=>', i.indexrelid
    limit 1;
    v_order := coalesce(v_order, v_distance);
  else
    -- A row whose array has another length would make the whole search fail.
    v_condition := format(' and cardinality(%s) = %s', v_vector, v_target.dimensions);
    if v_vector_schema is null then
      v_distance := format(
        '(select 1 - coalesce(sum(v.own::float8 * v.wanted) / nullif(sqrt(sum(v.own::float8 * v.own)) * sqrt(sum(v.wanted::float8 * v.wanted)), 0), 0)'
        ' from unnest(%s, $1) as v (own, wanted))', v_vector);
    else
      v_distance := format('(%s::%I.vector operator(%2$I.<=>) $1::%2$I.vector)', v_vector, v_vector_schema);
    end if;
    v_order := 'distance';
  end if;
  if v_target.chunk_table_oid is not null and row_security_active(v_target.table_oid) then
    v_condition := v_condition || format(' and exists (select from %s as x where %s)', v_target.table_oid::regclass, v_same_key);
  end if;
  -- The order of an index is not exact; by the distance itself the planner would take it for that, and not sort.
  return format(
    'select s.* from (select jsonb_build_object(%s) as key, %s, %s::float8 as distance from %s as t where %s is not null%s order by %s limit $2) as s order by s.distance + 0',
    v_key,
    case when v_target.chunk_table_oid is null then 'null::integer as chunk_no, null::text as chunk' else 't.chunk_no, t.chunk' end,
    v_distance, v_table::regclass, v_vector, v_condition, v_order);
end
$$;
