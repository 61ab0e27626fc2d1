-- Does $1 (cancel or delete) to tasks by $2 jobids. One row: an array in JSON of id, outcome, and a reason where it was refused; see
-- lamplighter.act_on_tasks.
select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
         'id', o.id::pg_catalog.text, 'outcome', o.outcome, 'reason', o.reason)), '[]'::pg_catalog.json)::pg_catalog.text as rows
from lamplighter.act_on_tasks($1::pg_catalog.text, $2::bigint[], '{}'::pg_catalog.jsonb) as o
