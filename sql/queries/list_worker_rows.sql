-- Reads workers and daemons, the living first. One row: an array in JSON, in which what is null is left out.
select pg_catalog.json_strip_nulls(coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json))::pg_catalog.text as rows
from (
  select * from lamplighter.list_processes() as p
  order by p.status in ('stopped', 'dead'), p."startedAt", p."workerId"
) as r
