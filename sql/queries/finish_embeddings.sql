-- Records what became of rows of a batch, see lamplighter.finish_embeddings. $1 job, $2 batch; pairwise $3 hashes of keys, $4 of texts, $5 of
-- chunks; pairwise $6 failed keys, $7 their hashes, $8 of their texts, $9 errors, $10 whether tried again, $11 how many failures are final;
-- $12 keys to be tried again uncharged after $13 ms; $14 whether nothing is left; $15 texts, $16 tokens, $17 calls, $18 truncated; $19 least ms
-- before what failed is tried again; $20 the day of tokens that were claimed. One row.
select lamplighter.finish_embeddings(
  $1, $2, $3::pg_catalog.uuid[], $4::pg_catalog.uuid[], $5::pg_catalog.uuid[], $6, $7::pg_catalog.uuid[], $8::pg_catalog.uuid[], $9, $10, $11, $12, $13, $14, $15,
  $16, $17, $18, $19, $20) as final_keys
