-- Describes what stands where the product's schema goes. Always one row; has_ledger is false and owner null when there is no schema.
select
  exists (
    select 1
    from pg_catalog.pg_class as c
    where c.relnamespace = n.oid and c.relname = 'migration' and c.relkind = 'r'
  ) as has_ledger,
  n.nspname is not null as has_schema,
  pg_catalog.pg_get_userbyid(n.nspowner) as owner,
  current_user as role,
  pg_catalog.current_setting('server_version_num')::integer as server_version,
  pg_catalog.version() as server_description,
  coalesce((select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user), false) as is_superuser
from (values (1)) as one (row)
left join pg_catalog.pg_namespace as n on n.nspname = 'lamplighter'
