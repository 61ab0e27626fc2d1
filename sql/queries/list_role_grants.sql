-- Lists the roles that were granted the use of the schema, as callers, workers or monitors, and still have it. No row when nobody has.
-- Reads the catalog alone: it is asked before it is known whose schema this is.
select r.rolname as role_name, marker.kind
from (values ('caller', 'enqueue_request'), ('worker', 'claim_requests'), ('monitor', 'backlog')) as marker (kind, function_name)
join pg_catalog.pg_proc as p on p.proname = marker.function_name
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
cross join pg_catalog.aclexplode(p.proacl) as a
join pg_catalog.pg_roles as r on r.oid = a.grantee
where n.nspname = 'lamplighter' and a.grantee <> p.proowner
order by r.rolname, marker.kind
