-- lamplighter.list_invalid_indexes (internal)
-- The indexes of this database that are maintained and never used, as what built them concurrently did not end well, or has not ended
-- yet; null for a text that builds none.
create or replace function lamplighter.list_invalid_indexes(p_query text) returns oid[]
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(i.indexrelid), '{}')
  from pg_index as i
  where not i.indisvalid
  having p_query ~* E'\\mconcurrently\\M'
$$;
