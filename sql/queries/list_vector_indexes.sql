-- A row for each of the tables $1 (oids) that is there: its schema and name, and as JSON its HNSW indexes of the column $2 alone, for all
-- rows: see src/embeddings/index/find-index-work.ts. `part` is how much of a build that is under way is done, from 0 to 1.
select t.oid::text as oid, n.nspname::text as schema, t.relname::text as name, t.relkind::text as kind,
       coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
         'name', c.relname,
         'isValid', i.indisvalid,
         'operators', o.opcname,
         'pid', p.pid,
         'phase', p.phase,
         'part', case when p.pid is not null then lamplighter.read_index_progress(pg_catalog.to_jsonb(p)) end,
         'blockedBy', case when p.pid is not null then pg_catalog.to_jsonb(pg_catalog.pg_blocking_pids(p.pid)) else '[]' end
       ) order by i.indexrelid) filter (where o.oid is not null), '[]') as indexes
from pg_catalog.pg_class as t
join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
left join pg_catalog.pg_attribute as a on a.attrelid = t.oid and a.attname = $2
left join pg_catalog.pg_index as i on i.indrelid = t.oid and i.indnkeyatts = 1 and i.indkey[0] = a.attnum and i.indpred is null
left join pg_catalog.pg_class as c on c.oid = i.indexrelid
left join pg_catalog.pg_am as m on m.oid = c.relam and m.amname = 'hnsw'
left join pg_catalog.pg_opclass as o on o.oid = i.indclass[0] and o.opcmethod = m.oid
left join pg_catalog.pg_stat_progress_create_index as p on p.index_relid = i.indexrelid
where t.oid = any ($1::pg_catalog.oid[])
group by t.oid, n.nspname, t.relname, t.relkind
