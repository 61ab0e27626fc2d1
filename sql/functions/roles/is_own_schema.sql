-- lamplighter.is_own_schema (internal)
-- Whether a schema is the product's as a whole: its private one, or another one but public that has the same owner and holds nothing of
-- others. What may be somebody else's keeps its privileges, and stays when the product goes.
create or replace function lamplighter.is_own_schema(p_schema_oid oid) returns boolean
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select n.nspname = 'lamplighter'
         or (
           n.nspname <> 'public'
           and n.nspowner = (select own.nspowner from pg_namespace as own where own.nspname = 'lamplighter')
           and exists (select from lamplighter.list_shared_names() as s where s.schema_name = n.nspname)
           -- A member of an extension goes with it.
           and not exists (
             select from pg_depend as d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e')
           -- Everything in a schema depends on it, extensions that were created in it included.
           and not exists (
             select from pg_depend as d
             where d.refclassid = 'pg_namespace'::regclass
               and d.refobjid = n.oid
               and d.deptype = 'n'
               and not exists (
                 select from pg_class as c
                 join lamplighter.list_shared_names() as s on s.kind = 'relation' and s.schema_name = n.nspname and s.name = c.relname
                 where d.classid = 'pg_class'::regclass and c.oid = d.objid and c.relowner = n.nspowner)
               and not exists (
                 select from pg_proc as p
                 join lamplighter.list_shared_names() as s on s.kind = 'function' and s.schema_name = n.nspname and s.name = p.proname
                 where d.classid = 'pg_proc'::regclass and p.oid = d.objid and p.proowner = n.nspowner))
         )
  from pg_namespace as n
  where n.oid = p_schema_oid
$$;
