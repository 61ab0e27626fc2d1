-- As whom, and where, the dashboard is logged in. One row.
select pg_catalog.current_database()::pg_catalog.text as database, current_user::pg_catalog.text as role,
       coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), 'local') as host,
       (pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')) as sees_all
from pg_catalog.pg_class as c
where c.oid = 'public.steadytext_queue'::pg_catalog.regclass::pg_catalog.oid
