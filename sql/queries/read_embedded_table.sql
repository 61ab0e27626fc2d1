-- All that the checks of an embedding job look at, of the relation $2 in the schema $1 and what inherits from it. No row when there is none
-- of that name. columns, relations and login are JSON, see src/embeddings/table/inspect-table.ts.
with recursive root as (
  select c.oid, c.relkind, c.relpersistence, n.nspname, c.relname
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'f', 'v', 'm')
), tree (oid, depth) as (
  select r.oid, 0 from root as r
  union
  select i.inhrelid, t.depth + 1
  from tree as t
  join pg_catalog.pg_inherits as i on i.inhparent = t.oid
), base (attnum, oid, modifier) as (
  select a.attnum, a.atttypid, a.atttypmod
  from root as r
  join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  union all
  select b.attnum, t.typbasetype, case when b.modifier = -1 then t.typtypmod else b.modifier end
  from base as b
  join pg_catalog.pg_type as t on t.oid = b.oid and t.typtype = 'd'
), published as (
  select t.oid, p.pubname
  from tree as t
  join pg_catalog.pg_class as c on c.oid = t.oid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_publication_tables as p on p.schemaname = n.nspname and p.tablename = c.relname
)
select r.oid::text as oid,
       r.relkind as kind,
       r.relpersistence as persistence,
       r.relkind = 'p' as is_partitioned,
       (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'oid', c.oid::text,
          'schema', n.nspname,
          'table', c.relname,
          'kind', c.relkind,
          'isRoot', t.depth = 0,
          'owner', o.rolname,
          'isOwnerSuperuser', o.rolsuper,
          'isOwnerMemberOfLogin', pg_catalog.pg_has_role(c.relowner, me.oid, 'MEMBER'),
          'isOwnerLogin', c.relowner = me.oid,
          'isOwned', pg_catalog.pg_has_role(c.relowner, 'USAGE'),
          'hidesRows', pg_catalog.row_security_active(c.oid),
          'canSelect', pg_catalog.has_table_privilege(c.oid, 'SELECT'),
          'canUpdate', pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'),
          'canInsert', pg_catalog.has_table_privilege(c.oid, 'INSERT'),
          'canDelete', pg_catalog.has_table_privilege(c.oid, 'DELETE'),
          'canReference', pg_catalog.has_table_privilege(c.oid, 'REFERENCES'),
          'canTrigger', pg_catalog.has_table_privilege(c.oid, 'TRIGGER'),
          'triggerMakers', (
            select coalesce(pg_catalog.jsonb_agg(distinct pg_catalog.jsonb_build_object(
              'name', coalesce(g.rolname, 'PUBLIC'),
              'isMemberOfLogin', coalesce(pg_catalog.pg_has_role(g.oid, me.oid, 'MEMBER'), false))), '[]')
            from pg_catalog.aclexplode(c.relacl) as x
            left join pg_catalog.pg_roles as g on g.oid = x.grantee
            where x.privilege_type = 'TRIGGER' and x.grantee not in (c.relowner, me.oid) and g.rolsuper is not true),
          'isSubscribed', exists (select 1 from pg_catalog.pg_subscription_rel as s where s.srrelid = c.oid)
        ) order by t.depth, c.oid)
        from tree as t
        join pg_catalog.pg_class as c on c.oid = t.oid
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_roles as o on o.oid = c.relowner) as relations,
       (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'name', a.attname,
          'number', a.attnum,
          'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'modifier', b.modifier,
          'baseSchema', tn.nspname,
          'baseName', t.typname,
          'baseKind', t.typtype,
          'category', t.typcategory,
          'generated', a.attgenerated,
          'isNotNull', a.attnotnull,
          'hasDefault', a.atthasdef or a.attidentity <> '',
          'collation', (
            select pg_catalog.format('%I.%I', ln.nspname, l.collname)
            from pg_catalog.pg_collation as l
            join pg_catalog.pg_namespace as ln on ln.oid = l.collnamespace
            join pg_catalog.pg_type as own on own.oid = a.atttypid
            where l.oid = a.attcollation and a.attcollation <> own.typcollation),
          'canUpdate', pg_catalog.has_column_privilege(r.oid, a.attnum, 'UPDATE'),
          'equality', case
            when t.typtype in ('e', 'r', 'm') or (t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid and t.typname = 'varchar')
            then 'operator(pg_catalog.=)'
            else (
              select pg_catalog.format('operator(%I.%s)', en.nspname, e.oprname)
              from pg_catalog.pg_opclass as k
              join pg_catalog.pg_am as m on m.oid = k.opcmethod and m.amname = 'btree'
              join pg_catalog.pg_amop as p on p.amopfamily = k.opcfamily and p.amoplefttype = k.opcintype
                and p.amoprighttype = k.opcintype and p.amopstrategy = 3
              join pg_catalog.pg_operator as e on e.oid = p.amopopr
              join pg_catalog.pg_namespace as en on en.oid = e.oprnamespace
              where k.opcdefault and k.opcintype = t.oid) end
        ) order by a.attnum)
        from pg_catalog.pg_attribute as a
        join base as b on b.attnum = a.attnum
        join pg_catalog.pg_type as t on t.oid = b.oid and t.typtype <> 'd'
        join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace
        where a.attrelid = r.oid) as columns,
       (select pg_catalog.array_agg(a.attname::pg_catalog.text order by k.position)
        from pg_catalog.pg_index as i
        cross join lateral pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality as k (attnum, position)
        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where i.indrelid = r.oid and i.indisprimary and k.position <= i.indnkeyatts) as primary_key,
       (select coalesce(pg_catalog.jsonb_agg((
          select pg_catalog.jsonb_agg(a.attname order by k.position)
          from pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality as k (attnum, position)
          join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
          where k.position <= i.indnkeyatts)), '[]')
        from pg_catalog.pg_index as i
        where i.indrelid = r.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null) as unique_keys,
       (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'table', f.confrelid::pg_catalog.text,
          'onDelete', f.confdeltype,
          'onUpdate', f.confupdtype,
          'pairs', (
            select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(a.attname, b.attname) order by k.position)
            from rows from (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey)) with ordinality as k (own, other, position)
            join pg_catalog.pg_attribute as a on a.attrelid = f.conrelid and a.attnum = k.own
            join pg_catalog.pg_attribute as b on b.attrelid = f.confrelid and b.attnum = k.other))), '[]')
        from pg_catalog.pg_constraint as f
        where f.conrelid = r.oid and f.contype = 'f' and f.convalidated) as foreign_keys,
       (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'name', pg_catalog.format('%I', c.relname), 'first', a.attname, 'method', m.amname)), '[]')
        from pg_catalog.pg_index as i
        join pg_catalog.pg_class as c on c.oid = i.indexrelid
        join pg_catalog.pg_am as m on m.oid = c.relam
        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = r.oid and i.indisvalid and i.indpred is null) as indexes,
       (select pg_catalog.array_agg(distinct p.pubname::pg_catalog.text)
        from published as p
        where not exists (
          select 1
          from pg_catalog.pg_publication as u
          join pg_catalog.pg_publication_rel as l on l.prpubid = u.oid and l.prrelid = p.oid
          where u.pubname = p.pubname and pg_catalog.to_jsonb(l) ->> 'prattrs' is not null)) as publications,
       (select pg_catalog.jsonb_build_object('name', me.rolname, 'isSuperuser', me.rolsuper, 'bypassesPolicies', me.rolbypassrls,
          'replicates', me.rolreplication)) as login,
       (select n.nspname::pg_catalog.text
        from pg_catalog.pg_extension as e
        join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
        where e.extname = 'vector') as vector_schema,
       (select t.oid::pg_catalog.text
        from pg_catalog.pg_extension as e
        join pg_catalog.pg_type as t on t.typnamespace = e.extnamespace and t.typname = 'vector'
        where e.extname = 'vector' and pg_catalog.has_schema_privilege(t.typnamespace, 'USAGE')
          and pg_catalog.has_type_privilege(t.oid, 'USAGE')) as vector_oid,
       'lamplighter.embedding_vector'::pg_catalog.regtype::pg_catalog.oid::pg_catalog.text as numbers_oid
from root as r
join pg_catalog.pg_roles as me on me.rolname = current_user
