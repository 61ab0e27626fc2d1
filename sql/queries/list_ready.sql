-- Lists the heads of what is ready: one row for each role and priority of each lane, see lamplighter.list_ready.
-- $1 functions and $2 models (lanes, pairwise), $3 most priorities for each role. No row when nothing is ready.
-- created_at comes as a text of fixed width: microseconds matter, and it can be compared.
select r.function_name, r.model, r.username, r.priority,
       coalesce(pg_catalog.to_char(r.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'), r.created_at::text) as created_at,
       r.id
from lamplighter.list_ready($1, $2, $3) as r
