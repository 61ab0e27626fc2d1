-- Reads operations, newest first: $1 the number of one, or null for all; $2 most rows. One row: an array in JSON, in which what is null is
-- left out.
select pg_catalog.json_strip_nulls(coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json))::pg_catalog.text as rows
from (
  select o.operation_id::pg_catalog.text as id, o.kind, o.action, o.filter, o.state, o.expected_count as "expectedCount", o.matched,
         o.is_collected as "isCollected", o.is_stop_requested as "isStopRequested", o.done, o.changed + o.gone + o.held + o.refused as skipped,
         pg_catalog.json_build_object('changed', o.changed, 'gone', o.gone, 'held', o.held, 'refused', o.refused) as "skippedFor",
         coalesce(o.started_by, o.username::pg_catalog.text) as "startedBy", o.username as role, o.started_at as "startedAt",
         o.finished_at as "finishedAt", o.error
  from lamplighter.operation as o
  where $1::bigint is null or o.operation_id = $1::bigint
  order by o.operation_id desc
  limit $2::bigint
) as r
