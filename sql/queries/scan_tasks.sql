-- Finds tasks that match, newest first: $1 filter as JSON, $2 states or null, $3 below this jobid, $4 most rows to read, $5 most to
-- find. One row: ids is an array in JSON, of texts, and next_before where to go on; null at the end. See lamplighter.scan_tasks.
select pg_catalog.array_to_json(s.ids::pg_catalog.text[])::pg_catalog.text as ids, s.next_before::pg_catalog.text as next_before
from lamplighter.scan_tasks($1::pg_catalog.jsonb, $2::pg_catalog.text[], $3::bigint, $4::integer, $5::integer) as s
