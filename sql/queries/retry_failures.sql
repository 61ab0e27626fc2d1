-- Embeds rows again that failed for good: $1 job, $2 md5 hashes of their keys, or null for all of the job. One row: how many.
select case when $2::pg_catalog.uuid[] is null then lamplighter.retry_embeddings($1::bigint)
         else lamplighter.retry_failures($1::bigint, $2::pg_catalog.uuid[]) end::pg_catalog.text as retried
