-- Lists the vector columns of embedding jobs whose number of dimensions is not that of the job's model. For the owner. No row when all fit.
select j.job_id, c.oid::pg_catalog.regclass::text as table_name, pg_catalog.quote_ident(a.attname) as column_name, j.model, j.dimensions,
       pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
       pg_catalog.format('%I.%I(%s)', n.nspname, t.typname, j.dimensions) as fitting_type
from lamplighter.embedding_job as j
join pg_catalog.pg_class as c on c.oid = coalesce(j.chunk_table_oid, j.table_oid)
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = j.dst_attnum and not a.attisdropped
join pg_catalog.pg_type as t on t.oid = a.atttypid
join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
where j.state <> 'canceled' and t.typname in ('vector', 'halfvec') and a.atttypmod <> -1 and a.atttypmod <> j.dimensions
order by j.id
