-- Looks at the table that embedding jobs are read from. $1 is its schema, $2 its name, $3 roles whose tables may be used besides.
-- One row: what it is, its columns by name with the kind of their type, who else may write it, which strangers may create triggers on it,
-- and whether the login may rely on its owner.
-- No row when there is no such table.
select c.oid::pg_catalog.int8 as oid,
       pg_catalog.format('%I.%I', n.nspname, c.relname) as quoted_name,
       c.relkind::text as kind,
       pg_catalog.pg_get_userbyid(c.relowner)::text as owner,
       c.relowner = me.oid
         or pg_catalog.pg_get_userbyid(c.relowner) = any ($3::text[])
         or (not (me.rolsuper or me.rolbypassrls or me.rolreplication)
             and (pg_catalog.pg_has_role(c.relowner, me.oid, 'MEMBER')
                  or (select o.rolsuper from pg_catalog.pg_roles as o where o.oid = c.relowner))) as is_trusted,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') as may_read,
       pg_catalog.has_table_privilege(c.oid, 'TRIGGER') and c.relkind in ('r', 'p') as may_watch,
       array(
         select distinct coalesce(pg_catalog.quote_ident(g.rolname), 'PUBLIC')
         from (
           select c.relacl as acl
           union all
           select a.attacl from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attacl is not null
         ) as granted
         cross join lateral pg_catalog.aclexplode(granted.acl) as x
         left join pg_catalog.pg_roles as g on g.oid = x.grantee
         where x.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') and x.grantee <> c.relowner
         order by 1
       )::text[] as writers,
       array(
         select distinct coalesce(g.rolname::text, 'PUBLIC')
         from pg_catalog.aclexplode(c.relacl) as x
         left join pg_catalog.pg_roles as g on g.oid = x.grantee
         where x.privilege_type = 'TRIGGER' and x.grantee not in (c.relowner, me.oid) and g.rolsuper is not true
           and coalesce(g.rolname::text, 'PUBLIC') <> all ($3::text[])
           and ((me.rolsuper or me.rolbypassrls or me.rolreplication) or pg_catalog.pg_has_role(g.oid, me.oid, 'MEMBER') is not true)
         order by 1
       )::text[] as trigger_makers,
       coalesce((
         select pg_catalog.jsonb_object_agg(
           a.attname,
           case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) else pg_catalog.format_type(t.oid, a.atttypmod) end
         )
         from pg_catalog.pg_attribute as a
         join pg_catalog.pg_type as t on t.oid = a.atttypid
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       ), '{}') as columns
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join (select r.* from pg_catalog.pg_roles as r where r.rolname = current_user) as me
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'f', 'm')
