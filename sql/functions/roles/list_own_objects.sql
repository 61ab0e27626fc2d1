-- lamplighter.list_own_objects (internal)
-- Everything that the product owns and that privileges can be given on; a row type goes by its table's oid.
create or replace function lamplighter.list_own_objects()
returns table (kind text, name text, oid oid, owner oid, acl aclitem[])
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with shared as materialized (
    select s.kind, s.schema_name, s.name from lamplighter.list_shared_names() as s
  ), relation as (
    select c.oid, c.relowner, c.relacl, c.reltype, c.relkind, format('%I.%I', n.nspname, c.relname) as name
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'S')
      and (n.nspname = 'lamplighter'
           or exists (select from shared as s where s.kind = 'relation' and s.schema_name = n.nspname and s.name = c.relname))
  )
  select case when r.relkind = 'S' then 'sequence' else 'table' end, r.name, r.oid, r.relowner,
         coalesce(r.relacl, acldefault(case when r.relkind = 'S' then 's' else 'r' end::"char", r.relowner))
  from relation as r
  union all
  -- Whoever may use a table's row type may have columns of it, and those stand in the way of a later ALTER TABLE.
  select 'type', r.name, r.oid, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
  from relation as r
  join pg_type as t on t.oid = r.reltype
  union all
  select 'type', format('%I.%I', n.nspname, t.typname), t.oid, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
  from pg_type as t
  join pg_namespace as n on n.oid = t.typnamespace
  where n.nspname = 'lamplighter'
    and t.typtype = 'd'
  union all
  select 'function', p.oid::regprocedure::text, p.oid, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
  from pg_proc as p
  join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'lamplighter'
     or exists (select from shared as s where s.kind = 'function' and s.schema_name = n.nspname and s.name = p.proname)
  union all
  select 'schema', format('%I', n.nspname), n.oid, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
  from pg_namespace as n
  where n.nspname = 'lamplighter'
     or (exists (select from shared as s where s.schema_name = n.nspname) and lamplighter.is_own_schema(n.oid))
$$;
