-- Lists the heads of what is ready: one row for each role and priority of each lane, see lamplighter.list_ready.
-- $1 functions and $2 models (lanes, pairwise), $3 most priorities for each role. No row when nothing is ready.
-- Times are in microseconds since 1970.
select r.function_name, r.model, r.username, r.priority, r.created_us, r.id, r.seen_us
from lamplighter.list_ready($1, $2, $3) as r
