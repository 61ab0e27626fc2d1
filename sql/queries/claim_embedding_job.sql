-- Takes a job's passes for a process, see lamplighter.claim_embedding_job. $1 job, $2 process. No row when another living one has them.
select c.is_due, c.number, c.is_full, c.is_running, c.found_rows, c.started_at,
       c.full_pass_at is not null as has_full_pass,
       extract(epoch from c.next_full_pass_at - clock_timestamp())::float8 * 1000::float8 as next_full_pass_in_ms
from lamplighter.claim_embedding_job($1, $2) as c
