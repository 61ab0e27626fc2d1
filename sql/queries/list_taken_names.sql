-- Lists objects in the way of a first migration: a schema lamplighter that is not ours, and functions or relations in public of the
-- names that will be needed there. $1 those names. extension is null when the object belongs to none. No row when the way is free.
with taken as (
  select 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid as classid, p.oid,
         'function ' || p.oid::pg_catalog.regprocedure::text as name
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'public' and p.proname::text = any ($1::text[])
  union all
  select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid,
         'relation ' || pg_catalog.format('%I.%I', n.nspname, c.relname)
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = 'public' and c.relname::text = any ($1::text[])
  union all
  select 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, n.oid, 'schema ' || n.nspname::text
  from pg_catalog.pg_namespace as n
  where n.nspname = 'lamplighter'
)
select t.name, e.extname as extension
from taken as t
left join pg_catalog.pg_depend as d
  on d.classid = t.classid and d.objid = t.oid and d.deptype = 'e'
     and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid
left join pg_catalog.pg_extension as e on e.oid = d.refobjid
order by t.name
