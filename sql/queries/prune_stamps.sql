-- Forgets deleted rows, see lamplighter.prune_stamps. $1 job, $2 generation, $3 hashes of their keys. One row: how many.
select lamplighter.prune_stamps($1, $2, $3::pg_catalog.uuid[]) as pruned
