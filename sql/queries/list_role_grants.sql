-- Lists the roles that were granted the use of the schema and still exist. No row when nobody was.
select g.role_name, g.kind
from lamplighter.role_grant as g
join pg_catalog.pg_roles as r on r.rolname = g.role_name
order by g.role_name, g.kind
