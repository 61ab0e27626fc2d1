-- Lists objects of the product that belong to another role than its schema does: the functions for workers, which run as their owner,
-- would lack rights on them. $1 schemas and $2 names, in parallel, of its relations in other schemas. may_give tells whether this role
-- can set that right. No row when all have one owner. Reads the catalog alone: it is asked before it is known whose schema this is.
with owned as (
  select case c.relkind when 'S' then 'sequence' else 'table' end as kind, pg_catalog.format('%I.%I', n.nspname, c.relname) as name, c.relowner as owner
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'S')
    and (n.nspname = 'lamplighter' or exists (
      select 1 from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) as w (schema_name, name)
      where w.schema_name = n.nspname and w.name = c.relname))
    -- The sequence of an identity column follows its table.
    and not (c.relkind = 'S' and exists (
      select 1 from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid and d.objid = c.oid and d.deptype = 'i'))
  union all
  select 'routine', pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
         p.proowner
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'lamplighter'
)
select o.kind, o.name, pg_catalog.pg_get_userbyid(o.owner) as owner,
       pg_catalog.pg_has_role(current_user, o.owner, 'USAGE') and pg_catalog.pg_has_role(current_user, n.nspowner, 'USAGE') as may_give
from owned as o
join pg_catalog.pg_namespace as n on n.nspname = 'lamplighter' and n.nspowner <> o.owner
order by o.kind desc, o.name
