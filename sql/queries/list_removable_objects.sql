-- Lists what uninstall drops, named ready for DROP: functions (capture: those by which triggers on tables of users fire; row function: those that take or return rows of a relation), sequences, tables,
-- views and domains of the product, then the schemas that are its own. No row when there is none.
with own as (
  select n.nspowner as owner
  from pg_catalog.pg_namespace as n
  where n.nspname = 'lamplighter'
), shared as materialized (
  select s.kind, s.schema_name, s.name
  from lamplighter.list_shared_names() as s
)
select case when p.proname::pg_catalog.text ~ '^capture_[0-9a-f]{32}$' then 'capture'
            when exists (select 1 from pg_catalog.pg_type as t where t.typrelid <> 0::pg_catalog.oid and (t.oid = p.prorettype or t.oid = any (p.proargtypes::pg_catalog.oid[]))) then 'row function'
            else 'function' end as kind, pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as name
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
cross join own
where (n.nspname = 'lamplighter' or (p.proowner = own.owner and exists (
    select 1 from shared as s where s.kind = 'function' and s.schema_name = n.nspname and s.name = p.proname)))
  and not exists (select 1 from pg_catalog.pg_depend as d where d.objid = p.oid and d.deptype = 'e')
union all
select case c.relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end, pg_catalog.format('%I.%I', n.nspname, c.relname)
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join own
where (c.relkind in ('r', 'v') or (c.relkind = 'S' and not exists (
    -- Those of columns go with their tables.
    select 1 from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid and d.objid = c.oid and d.deptype in ('a', 'i'))))
  and c.relowner = own.owner
  and (n.nspname = 'lamplighter' or exists (
    select 1 from shared as s where s.kind = 'relation' and s.schema_name = n.nspname and s.name = c.relname))
union all
select 'domain', pg_catalog.format('lamplighter.%I', t.typname)
from pg_catalog.pg_type as t
cross join own
where t.typnamespace = 'lamplighter'::pg_catalog.regnamespace::pg_catalog.oid and t.typtype = 'd' and t.typowner = own.owner
union all
select 'schema', pg_catalog.format('%I', n.nspname)
from pg_catalog.pg_namespace as n
where lamplighter.is_own_schema(n.oid)
order by 1, 2
