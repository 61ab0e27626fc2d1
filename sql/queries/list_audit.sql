-- Reads what was done, newest first: $1 below this number, $2 most rows. One row: an array in JSON, in which what is null is left out.
select pg_catalog.json_strip_nulls(coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json))::pg_catalog.text as rows
from (
  select a.audit_id::pg_catalog.text as id, a.at, a.username as role, a.user_name as "user", a.source, a.action, a.kind, a.filter, a.count
  from lamplighter.audit as a
  where a.audit_id < $1::bigint
  order by a.audit_id desc
  limit $2::bigint
) as r
