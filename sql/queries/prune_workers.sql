-- Deletes the rows of workers that ended long ago. $1 age in ms. One row; pruned is 0 when there is none.
select lamplighter.prune_workers(pg_catalog.make_interval(secs => $1::double precision / 1000::double precision)) as pruned
