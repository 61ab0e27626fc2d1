-- Lists the triggers of a table that can change or swallow an UPDATE. $1 its oid. No row when there is none.
select t.tgname as name
from pg_catalog.pg_trigger as t
where t.tgrelid = $1::pg_catalog.oid and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype::pg_catalog.int4 & 2 > 0 and t.tgtype::pg_catalog.int4 & 16 > 0
order by t.tgname
