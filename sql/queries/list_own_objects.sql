-- Lists the oids of every relation, function and schema of the product. No row before the first migration.
select c.oid
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'lamplighter' or (n.nspname = 'public' and c.relname = any ((select lamplighter.public_names())::text[]))
union all
select p.oid
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname = 'lamplighter' or (n.nspname = 'public' and p.proname = any ((select lamplighter.public_names())::text[]))
union all
select n.oid
from pg_catalog.pg_namespace as n
where n.nspname = 'lamplighter'
