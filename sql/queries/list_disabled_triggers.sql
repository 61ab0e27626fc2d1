-- Lists the triggers of the product's tables that do not fire for what sessions write. No row when there is none.
select pg_catalog.format('trigger %I on %I.%I', t.tgname, n.nspname, c.relname) as name,
       pg_catalog.format('ALTER TABLE %I.%I ENABLE TRIGGER %I', n.nspname, c.relname, t.tgname) as statement
from pg_catalog.pg_trigger as t
join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where t.tgenabled in ('D', 'R') and not t.tgisinternal
  and (n.nspname in ('lamplighter', 'lantern') or n.nspname = 'public' and c.relname = 'steadytext_queue')
order by 1
