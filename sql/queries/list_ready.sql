-- Lists the heads of what is ready: one row for each role and priority of each lane, see lamplighter.list_ready.
-- $1 functions and $2 models (lanes, pairwise), $3 most priorities for each role. No row when nothing is ready.
-- created_at comes as text: microseconds matter.
select r.function_name, r.model, r.username, r.priority, r.created_at::text as created_at, r.id
from lamplighter.list_ready($1, $2, $3) as r
