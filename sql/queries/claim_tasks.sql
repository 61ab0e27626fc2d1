-- Claims tasks for a worker, fair between roles. $1 worker, $2 most tasks, $3 roles to pass over, $4 time limit of completion
-- handlers in milliseconds. One row for each; none when nothing can be
-- claimed. Raises LL001 when the lease is lost.
select c.run_id::text as run_id, c.jobid::text as jobid, c.username::text as username, c.role_oid::int8::text as role_oid,
       c.query, coalesce(c.search_path, '') as search_path, c.attempt, c.traceparent
from lamplighter.claim_tasks($1::uuid, $2::integer, $3::text[], $4::integer) as c
