-- Records what became of rows of a batch, see lamplighter.finish_embeddings. $1 job, $2 batch; pairwise $3 hashes of keys, $4 of texts;
-- pairwise $5 failed keys, $6 their hashes, $7 of their texts, $8 errors, $9 whether tried again, $10 how many failures are final; $11 keys
-- to be tried again uncharged after $12 ms; $13 whether nothing is left; $14 texts, $15 tokens, $16 calls, $17 truncated. One row.
select lamplighter.finish_embeddings(
  $1, $2, $3::pg_catalog.uuid[], $4::pg_catalog.uuid[], $5, $6::pg_catalog.uuid[], $7::pg_catalog.uuid[], $8, $9, $10, $11, $12, $13, $14, $15, $16,
  $17) as final_keys
