-- Lists objects in the way of a first migration: anything in a schema lamplighter that is not ours, and functions or relations
-- public.steadytext_*. extension is null when the object belongs to none. No row when the way is free.
with taken as (
  select 'pg_catalog.pg_proc'::pg_catalog.regclass as classid, p.oid, 'function ' || p.oid::pg_catalog.regprocedure::text as name
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'lamplighter' or (n.nspname = 'public' and p.proname like 'steadytext\_%')
  union all
  select 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 'relation ' || pg_catalog.format('%I.%I', n.nspname, c.relname)
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    and (n.nspname = 'lamplighter' or (n.nspname = 'public' and c.relname like 'steadytext\_queue%'))
)
select t.name, e.extname as extension
from taken as t
left join pg_catalog.pg_depend as d
  on d.classid = t.classid and d.objid = t.oid and d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
left join pg_catalog.pg_extension as e on e.oid = d.refobjid
order by t.name
