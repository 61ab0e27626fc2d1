-- Deletes requests that ended long ago. $1 age in ms, $2 at most how many. One row; pruned is 0 when none is old enough.
select lamplighter.prune_requests(pg_catalog.make_interval(secs => $1::double precision / 1000::double precision), $2) as pruned
