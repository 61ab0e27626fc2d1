-- lamplighter.describe_left_indexes (internal)
-- A line for each invalid index that a bare text has left, with the statement that drops it; null for none. Those count that were not
-- there before and whose own name or whose table's is in the text, unless that is about whole schemas. What the session of somebody else
-- is building looks the same, so tables are left out on which one holds the lock of such a build. Locks are seen as they are now, and
-- indexes as they were when the statement began: a build that ended in between is found by looking at the indexes again.
create or replace function lamplighter.describe_left_indexes(p_query text, p_before oid[]) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_left oid[];
begin
  select array_agg(i.indexrelid)
  into v_left
  from unnest(lamplighter.list_invalid_indexes(p_query)) as index_oid
       join pg_index as i on i.indexrelid = index_oid
       join pg_class as x on x.oid = i.indexrelid and x.relkind = 'i'
  where index_oid <> all (p_before)
    and (
      p_query ~* E'\\m(schema|database|system)\\M'
      or exists (
        select
        from (
          select i.indexrelid as oid
          union all
          select i.indrelid
          union all
          select a.relid from pg_partition_ancestors(i.indrelid) as a) as named
             join pg_class as c on c.oid = named.oid
        where position(lower(c.relname) in lower(replace(p_query, '""', '"'))) > 0))
    and not exists (
      select
      from pg_locks as l
           join pg_stat_activity as a on a.pid = l.pid
      where l.locktype = 'relation'
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
        and l.relation = i.indrelid
        and l.mode = 'ShareUpdateExclusiveLock'
        and l.granted
        and a.usesysid is not null);
  return (
    select string_agg(format('The index %1$s is invalid; drop it with: DROP INDEX CONCURRENTLY %1$s;', left_index.name), E'\n' order by left_index.name)
    from (
      select format('%I.%I', n.nspname, x.relname) as name
      from pg_index as i
           join pg_class as x on x.oid = i.indexrelid
           join pg_namespace as n on n.oid = x.relnamespace
      where i.indexrelid = any (v_left) and not i.indisvalid) as left_index);
end
$$;
