-- lamplighter.require_schema (caller)
-- Raises 22023 for a JSON Schema that every worker would refuse, as far as SQL can tell: one in the wrapper of another API, a keyword that is
-- unknown, not enforced, or of a wrong type, a pattern as in require_pattern. Looks at what every reader of the schema looks at, and at no
-- definitions; the rest, and what is longer than 20,000 characters, is for the worker. What this refuses a worker refuses too, in the same words.
create or replace function lamplighter.require_schema(p_schema jsonb, p_pointer text default '') returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_place constant text := case when p_pointer = '' then 'at the root' else 'at ' || p_pointer end;
  v_type text;
  v_wrong record;
  v_part record;
begin
  if jsonb_typeof(p_schema) not in ('object', 'boolean') then
    raise exception 'Schema % must be an object, true or false', v_place using errcode = '22023';
  end if;
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
  -- Each schema inside costs some 70 us, and the shortest has three characters: a caller waits for half a second at most.
  if p_pointer = '' and length(p_schema::text) > 20000 then
    return;
  end if;
  select k.keyword, k.problem
  into v_wrong
  from (
    select e.key as keyword,
      case
        when e.key in ('properties', 'patternProperties', 'dependencies', 'dependentRequired', 'dependentSchemas') then
          case when jsonb_typeof(e.value) <> 'object' then 'must be an object' end
        when e.key in ('minLength', 'maxLength', 'minItems', 'maxItems', 'minContains', 'maxContains', 'minProperties', 'maxProperties') then
          case when jsonb_typeof(e.value) <> 'number' then 'must be a non-negative integer'
            when (e.value #>> '{}')::numeric < 0 or (e.value #>> '{}')::numeric <> trunc((e.value #>> '{}')::numeric)
              then 'must be a non-negative integer' end
        when e.key in ('minimum', 'maximum', 'multipleOf') then
          case when jsonb_typeof(e.value) <> 'number' then 'must be a number'
            when e.key = 'multipleOf' and (e.value #>> '{}')::numeric <= 0 then 'must be greater than 0' end
        when e.key in ('exclusiveMinimum', 'exclusiveMaximum') then
          case when jsonb_typeof(e.value) not in ('number', 'boolean') then 'must be a number' end
        when e.key in ('$ref', 'format', 'pattern') then
          case when jsonb_typeof(e.value) <> 'string' then 'must be a text' end
        when e.key = 'uniqueItems' then
          case when jsonb_typeof(e.value) <> 'boolean' then 'must be true or false' end
        when e.key in ('allOf', 'anyOf', 'enum', 'oneOf') then
          case when jsonb_typeof(e.value) <> 'array' then 'must be an array' when e.value = '[]' then 'must not be empty' end
        when e.key = 'prefixItems' then
          case when jsonb_typeof(e.value) <> 'array' and jsonb_typeof(p_schema -> 'items') is distinct from 'array' then 'must be an array' end
        when e.key in ('required', 'propertyOrdering') then
          case when jsonb_typeof(e.value) <> 'array' then 'must be an array of texts'
            when exists (select from jsonb_array_elements(e.value) as t (item) where jsonb_typeof(t.item) <> 'string')
              then 'must be an array of texts' end
        when e.key in ('$dynamicRef', '$recursiveAnchor', '$recursiveRef', 'unevaluatedItems', 'unevaluatedProperties')
          or e.key = '$id' and p_pointer <> '' then 'is not supported'
        when e.key = 'nullable' then
          case when jsonb_typeof(e.value) <> 'boolean' then 'is not known' end
        when e.key in ('$defs', 'additionalItems', 'additionalProperties', 'const', 'contains', 'definitions', 'else', 'if', 'items', 'not',
            'propertyNames', 'then', 'type') then null
        -- These say nothing about what is valid.
        when e.key in ('$anchor', '$comment', '$dynamicAnchor', '$id', '$schema', '$vocabulary', 'allowComments', 'allowTrailingCommas',
            'contentEncoding', 'contentMediaType', 'contentSchema', 'default', 'defaultSnippets', 'deprecated', 'deprecationMessage',
            'description', 'discriminator', 'doNotSuggest', 'enumDescriptions', 'enumNames', 'enumItemLabels', 'enumSortTexts', 'errorMessage',
            'example', 'examples', 'externalDocs', 'id', 'javaType', 'markdownDescription', 'markdownEnumDescriptions', 'patternErrorMessage',
            'readOnly', 'suggestSortText', 'title', 'tsEnumNames', 'tsType', 'writeOnly', 'xml')
          or starts_with(e.key, 'x-') then null
        else 'is not known'
      end as problem
    from jsonb_each(p_schema) as e
  ) as k
  where k.problem is not null
  limit 1;
  if found then
    if v_wrong.problem <> 'is not known' then
      raise exception 'Schema keyword "%" % %', left(v_wrong.keyword, 100), v_place, v_wrong.problem using errcode = '22023';
    end if;
    select k.known
    into v_type
    from unnest(array['additionalProperties', 'allOf', 'anyOf', 'const', 'contains', 'dependentRequired', 'description', 'enum',
      'exclusiveMaximum', 'exclusiveMinimum', 'format', 'items', 'maxItems', 'maxLength', 'maximum', 'minItems', 'minLength', 'minimum',
      'multipleOf', 'oneOf', 'pattern', 'patternProperties', 'prefixItems', 'properties', 'propertyNames', 'required', 'title', 'type',
      'uniqueItems']) as k (known)
    where left(lower(k.known), 3) = left(lower(v_wrong.keyword), 3)
    order by abs(length(k.known) - length(v_wrong.keyword)), k.known
    limit 1;
    raise exception 'Schema keyword "%" % %', left(v_wrong.keyword, 100), v_place, v_wrong.problem
      using errcode = '22023', hint = coalesce('Did you mean "' || v_type || '"?', 'Keywords of your own may begin with "x-".');
  end if;
  if jsonb_typeof(p_schema -> 'type') not in ('string', 'array') then
    raise exception 'Schema keyword "type" % must be a type or a list of types', v_place using errcode = '22023';
  end if;
  if p_schema -> 'type' = '[]' then
    raise exception 'Schema keyword "type" % must not be empty', v_place using errcode = '22023';
  end if;
  for v_type in
    select t.type #>> '{}'
    from jsonb_array_elements(case jsonb_typeof(p_schema -> 'type') when 'array' then p_schema -> 'type' when 'string' then
      jsonb_build_array(p_schema -> 'type') else '[]' end) as t (type)
    where t.type #>> '{}' is null or t.type #>> '{}' not in ('null', 'boolean', 'integer', 'number', 'string', 'array', 'object')
    limit 1
  loop
    raise exception 'Schema type "%" % is not known', left(coalesce(v_type, 'null'), 100), v_place
      using errcode = '22023', hint = 'The types are null, boolean, integer, number, string, array and object.';
  end loop;
  if p_schema ? 'pattern' then
    perform lamplighter.require_pattern(p_schema ->> 'pattern', ' (schema keyword "pattern" ' || v_place || ')');
  end if;
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
    where p_schema ? k.keyword and (k.keyword <> 'items' or jsonb_typeof(p_schema -> 'items') <> 'array')
  loop
    perform lamplighter.require_schema(v_part.schema, v_part.pointer);
  end loop;
end
$$;
