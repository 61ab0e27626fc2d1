-- Lists objects in the way of a first migration: a schema lamplighter that is not ours, and functions, relations and types of the names
-- that will be needed in other schemas. $1 those schemas and $2 the names, in parallel. extension is null when the object belongs to
-- none. No row when the way is free.
with needed as materialized (
  select n.oid as schema_oid, n.nspname as schema_name, w.name
  from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) as w (schema_name, name)
  join pg_catalog.pg_namespace as n on n.nspname = w.schema_name
), taken as (
  select 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid as classid, p.oid,
         'function ' || p.oid::pg_catalog.regprocedure::text as name
  from needed as w
  join pg_catalog.pg_proc as p on p.pronamespace = w.schema_oid and p.proname = w.name
  union all
  select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid,
         'relation ' || pg_catalog.format('%I.%I', w.schema_name, c.relname)
  from needed as w
  join pg_catalog.pg_class as c on c.relnamespace = w.schema_oid and c.relname = w.name
  union all
  -- Each relation has a type of its name as well.
  select 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, t.oid,
         'type ' || pg_catalog.format('%I.%I', w.schema_name, t.typname)
  from needed as w
  join pg_catalog.pg_type as t on t.typnamespace = w.schema_oid and t.typname = w.name
  where not exists (select 1 from pg_catalog.pg_class as c where c.oid = t.typrelid and c.relkind <> 'c')
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
