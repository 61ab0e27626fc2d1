-- lamplighter.parse_troubles (internal)
-- What a worker says of its models, with all that is not of the form that readers expect left out: they cast it, and one odd entry would
-- otherwise fail the status, the checks and the pages of everybody. At most 100 entries of 1,000 lanes each.
create or replace function lamplighter.parse_troubles(p_troubles jsonb) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'model', left(t.entry ->> 'model', 1000),
           'lanes', jsonb_path_query_array(t.entry, '$.lanes[0 to 999] ? (@.type() == "string")'),
           'error', left(t.entry ->> 'error', 10000),
           'for_ms', round((t.entry ->> 'for_ms')::numeric, 3),
           'waiting', trunc((t.entry ->> 'waiting')::numeric)) order by t.position), '[]')
  from jsonb_path_query(p_troubles, '$[0 to 99] ? (@.model.type() == "string" && @.error.type() == "string" && @.lanes.type() == "array"
         && @.for_ms.type() == "number" && @.for_ms >= 0 && @.for_ms < 1000000000000
         && @.waiting.type() == "number" && @.waiting >= 0 && @.waiting < 2147483647 && @.waiting.floor() == @.waiting)')
       with ordinality as t (entry, position)
$$;
