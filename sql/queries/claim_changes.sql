-- Takes keys of changed rows, see lamplighter.claim_changes. $1 job, $2 generation, $3 process, $4 limit, $5 log position or null. No row
-- when there is nothing.
select c.batch_id, c.attempt, c.keys, c.is_marked, c.taken, c.last_seq, c.deaths, c.lone_deaths
from lamplighter.claim_changes($1, $2, $3, $4, $5) as c
