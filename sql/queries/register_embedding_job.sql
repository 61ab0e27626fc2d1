-- Registers a job of the daemon, or what has changed of it, see lamplighter.register_embedding_job. $1 jobs table, $2 job, $3 table's oid,
-- $4 schema, $5 table, $6 and $7 source column and its number, $8 and $9 destination column and its number, $10 and $11 key columns
-- and their numbers, $12 type of the destination, $13 model, $14 dimensions, $15 limit of the change log in bytes, $16 and $17 filter column
-- and its number, $18 oid of the chunk table, $19 its schema, $20 its name, $21 tokens of a chunk, $22 tokens of overlap. One row.
select r.id, r.generation, r.is_changed, r.trusts_vectors, r.taken_by
from lamplighter.register_embedding_job($1, $2, $3::pg_catalog.oid, $4, $5, $6, $7::pg_catalog.int2, $8, $9::pg_catalog.int2, $10, $11::pg_catalog.int2[], $12, $13, $14,
  $15, $16, $17::pg_catalog.int2, $18::pg_catalog.oid, $19, $20, $21, $22) as r
