-- The tables of the product that logical replication is to copy into this database and has not copied yet. For the owner.
select pg_catalog.format('%I.%I', n.nspname, t.relname) as name
from pg_catalog.pg_subscription_rel as s
join pg_catalog.pg_class as t on t.oid = s.srrelid
join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
where s.srsubstate in ('i', 'd', 'f')
  and (n.nspname in ('lamplighter', 'lantern') or t.oid = 'public.steadytext_queue'::pg_catalog.regclass::pg_catalog.oid)
order by 1
