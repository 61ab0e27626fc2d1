-- lamplighter.require_schema (caller)
-- Raises 22023 for a JSON Schema that every worker would refuse, as far as SQL can tell: one in the wrapper of another API, a type that is
-- none, a keyword that nothing enforces. Looks at what every reader of the schema looks at, and at no definitions; the rest is for the worker.
create or replace function lamplighter.require_schema(p_schema jsonb, p_pointer text default '') returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_place constant text := case when p_pointer = '' then 'at the root' else 'at ' || p_pointer end;
  v_type text;
  v_keyword text;
  v_part record;
begin
  -- Deeper ones are refused for that.
  if jsonb_typeof(p_schema) <> 'object' or length(p_pointer) > 2000 then
    return;
  end if;
  if p_pointer = '' and (jsonb_typeof(p_schema -> 'schema') = 'object' and (p_schema ? 'name' or p_schema ? 'strict')
                         or jsonb_typeof(p_schema -> 'json_schema' -> 'schema') = 'object') then
    raise exception 'Schema is wrapped as for OpenAI''s response_format: pass the value of "%" alone',
      case when jsonb_typeof(p_schema -> 'schema') = 'object' and (p_schema ? 'name' or p_schema ? 'strict') then 'schema'
        else 'json_schema.schema' end using errcode = '22023';
  end if;
  for v_keyword in
    select k.keyword
    from unnest(array['$dynamicRef', '$recursiveAnchor', '$recursiveRef', 'unevaluatedItems', 'unevaluatedProperties']) as k (keyword)
    where p_schema ? k.keyword
  loop
    raise exception 'Schema keyword "%" % is not supported', v_keyword, v_place using errcode = '22023';
  end loop;
  if jsonb_typeof(p_schema -> 'type') not in ('string', 'array') then
    raise exception 'Schema keyword "type" % must be a type or a list of types', v_place using errcode = '22023';
  end if;
  for v_type in
    select t.type #>> '{}'
    from jsonb_array_elements(case jsonb_typeof(p_schema -> 'type') when 'array' then p_schema -> 'type' when 'string' then
      jsonb_build_array(p_schema -> 'type') else '[]' end) as t (type)
    where t.type #>> '{}' is null or t.type #>> '{}' not in ('null', 'boolean', 'integer', 'number', 'string', 'array', 'object')
    limit 1
  loop
    raise exception 'Schema type "%" % is not known', left(coalesce(v_type, 'null'), 100), v_place using errcode = '22023';
  end loop;
  for v_part in
    select p_pointer || '/' || k.keyword || '/' || replace(replace(e.name, '~', '~0'), '/', '~1') as pointer, e.schema
    from unnest(array['properties', 'patternProperties']) as k (keyword)
    cross join lateral jsonb_each(case jsonb_typeof(p_schema -> k.keyword) when 'object' then p_schema -> k.keyword else '{}' end)
      as e (name, schema)
    union all
    select p_pointer || '/' || k.keyword || '/' || e.position - 1, e.schema
    from unnest(array['allOf', 'anyOf', 'oneOf', 'prefixItems']) as k (keyword)
    cross join lateral jsonb_array_elements(case jsonb_typeof(p_schema -> k.keyword) when 'array' then p_schema -> k.keyword else '[]' end)
      with ordinality as e (schema, position)
    union all
    select p_pointer || '/' || k.keyword, p_schema -> k.keyword
    from unnest(array['items', 'additionalProperties']) as k (keyword)
    where jsonb_typeof(p_schema -> k.keyword) = 'object'
  loop
    perform lamplighter.require_schema(v_part.schema, v_part.pointer);
  end loop;
end
$$;
