-- Claims ready requests of one lane; no two callers ever get the same one.
-- $1 worker, $2 function, $3 model, levels pairwise: $4 roles, $5 priorities, $6 and $7 lowest created_at and id,
-- $8 most rows for each role, $9 most rows. No row when nothing is ready; SQLSTATE LL001 when the lease is lost.
select c.id, c.request_id, c.username, c.parameters, c.priority,
       coalesce(pg_catalog.to_char(c.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'), c.created_at::text) as created_at,
       c.attempt, c.retry_count,
       c.started_at
from lamplighter.claim_requests($1, $2, $3, $4, $5, $6, $7, $8, $9) as c
