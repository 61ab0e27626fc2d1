-- Deletes tasks that ended long ago. $1 age in milliseconds, $2 most tasks. One row with how many.
select lamplighter.prune_tasks(pg_catalog.make_interval(secs => $1::double precision / 1000::double precision), $2::integer) as pruned
