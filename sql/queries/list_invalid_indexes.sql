-- Lists the indexes of the database that are invalid while nobody builds them, those of the product first. No row when there is none.
select pg_catalog.format('%I.%I', n.nspname, x.relname) as name,
       pg_catalog.format('%I.%I', tn.nspname, t.relname) as table_name,
       x.relname::text as bare_name,
       tn.nspname = 'lamplighter' or tn.nspname = 'public' and t.relname = 'steadytext_queue' or tn.nspname = 'lantern' and t.relname = 'tasks' as is_own
from pg_catalog.pg_index as i
join pg_catalog.pg_class as x on x.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = x.relnamespace
join pg_catalog.pg_class as t on t.oid = i.indrelid
join pg_catalog.pg_namespace as tn on tn.oid = t.relnamespace
where not i.indisvalid and x.relkind = 'i'
  -- Whoever builds one holds this lock on its table.
  and not exists (
    select
    from pg_catalog.pg_locks as l
    where l.relation = i.indrelid and l.granted and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'AccessExclusiveLock')
      and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
order by is_own desc, 1
