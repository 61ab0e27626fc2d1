-- Says what the current role may do with the product. One row, none where there is no schema lamplighter. Reads the catalog alone.
select
  current_user as role,
  pg_catalog.pg_has_role(n.nspowner, 'USAGE') as is_owner,
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') and coalesce((
    select pg_catalog.bool_and(pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
    from pg_catalog.pg_proc as p
    where p.pronamespace = n.oid and p.proname = 'enqueue_request'
  ), false) as may_queue,
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') and coalesce((
    select pg_catalog.bool_and(pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
    from pg_catalog.pg_proc as p
    where p.pronamespace = n.oid and p.proname = 'claim_requests'
  ), false) as may_work,
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') and coalesce((
    select pg_catalog.bool_and(pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
    from pg_catalog.pg_proc as p
    where p.pronamespace = n.oid and p.proname = 'read_figures'
  ), false) as may_monitor
from pg_catalog.pg_namespace as n
where n.nspname = 'lamplighter'
