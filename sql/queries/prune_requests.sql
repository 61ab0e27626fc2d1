-- Scans the next requests by id and deletes those that ended long ago. $1 age in ms, $2 after which id, $3 how many to scan. One row:
-- how many it has scanned, deleted and had to keep, one of these (null when there is none) and why, the id to go on from (null at the
-- end of the table), and whether all were queued later than that age.
select p.scanned, p.pruned, p.held, p.held_request_id, p.held_reason, p.last_id, p.is_young
from lamplighter.prune_requests(pg_catalog.make_interval(secs => $1::double precision / 1000::double precision), $2, $3) as p
