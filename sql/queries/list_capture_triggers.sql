-- Lists the triggers by which a capture function fires. $1 its name. No row when there is none.
select t.tgrelid::pg_catalog.text as relation, t.tgenabled as enabled, t.tgname as name
from pg_catalog.pg_trigger as t
join pg_catalog.pg_proc as p on p.oid = t.tgfoid
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname = 'lamplighter' and p.proname = $1
