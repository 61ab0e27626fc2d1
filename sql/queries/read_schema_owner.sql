-- Tells whose schema it is, from the catalog alone. No row when there is none.
select
  pg_catalog.pg_get_userbyid(n.nspowner) as owner,
  current_user as role,
  pg_catalog.pg_has_role(current_user, n.nspowner, 'MEMBER') as may_become_owner,
  own.rolsuper and not owner.rolsuper as outranks_owner
from pg_catalog.pg_namespace as n
join pg_catalog.pg_roles as owner on owner.oid = n.nspowner
join pg_catalog.pg_roles as own on own.rolname = current_user
where n.nspname = 'lamplighter'
