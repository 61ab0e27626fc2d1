-- Claims the upkeep of the queue for a worker. $1 worker, $2 whether requests were ready at its last scan. One row: whether it was due, what
-- there is to do then, and in how many ms to ask again.
select u.is_claimed, u.has_due, u.has_autonomous, u.is_near_limit, u.is_ready, u.next_ms
from lamplighter.claim_upkeep($1, $2) as u
