-- Lists what uninstall drops, named ready for DROP: functions, sequences and tables of the product, then its schema. No row when there is none.
select 'function' as kind, pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as name
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
join pg_catalog.pg_namespace as own on own.nspname = 'lamplighter'
where (n.nspname = 'lamplighter' or (n.nspname = 'public' and p.proname = any ((select lamplighter.public_names())::text[]) and p.proowner = own.nspowner))
  and not exists (select 1 from pg_catalog.pg_depend as d where d.objid = p.oid and d.deptype = 'e')
union all
select case c.relkind when 'S' then 'sequence' else 'table' end, pg_catalog.format('%I.%I', n.nspname, c.relname)
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_namespace as own on own.nspname = 'lamplighter'
where (c.relkind = 'r' or (c.relkind = 'S' and not exists (
    -- Those of identity columns go with their tables.
    select 1 from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid and d.objid = c.oid and d.deptype = 'i')))
  and c.relowner = own.nspowner
  and (n.nspname = 'lamplighter' or (n.nspname = 'public' and c.relname = 'steadytext_queue'))
union all
select 'schema', pg_catalog.format('%I', own.nspname)
from pg_catalog.pg_namespace as own
where own.nspname = 'lamplighter'
order by 1, 2
