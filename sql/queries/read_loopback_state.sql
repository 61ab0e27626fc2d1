-- Describes what queueing and waiting in one transaction needs. Always one row; dblink_schema is null where dblink is not installed,
-- may_read where the schema lamplighter is not. Reads the catalog alone, so that any role may ask.
select
  (
    select n.nspname
    from pg_catalog.pg_extension as e
    join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'dblink'
  ) as dblink_schema,
  exists (select 1 from pg_catalog.pg_available_extensions as a where a.name = 'dblink') as is_available,
  (
    select pg_catalog.has_table_privilege(c.oid, 'SELECT')
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'lamplighter' and c.relname = 'loopback'
  ) as may_read
