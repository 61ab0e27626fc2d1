-- Reads rows of an embedding job that failed, newest first: $1 job, $2 failed at or before (null: no bound), and $3 if just then, with an
-- id below this; $4 whether with the key, $5 most rows. One row: an array in JSON, in which what is null is left out.
select pg_catalog.json_strip_nulls(coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json))::pg_catalog.text as rows
from (
  select pg_catalog.md5(f.key)::pg_catalog.uuid as id, case when $4::pg_catalog.bool then f.key end as key, f.attempts,
         f.is_final as "isFinal", f.error, f.first_failed_at as "firstFailedAt", f.last_failed_at as "lastFailedAt"
  from lamplighter.embedding_failures as f
  where f.job = $1::bigint
    and ($2::pg_catalog.timestamptz is null
         or (f.last_failed_at <= $2::pg_catalog.timestamptz
             and (f.last_failed_at < $2::pg_catalog.timestamptz or pg_catalog.md5(f.key)::pg_catalog.uuid < $3::pg_catalog.uuid)))
  order by f.last_failed_at desc, pg_catalog.md5(f.key)::pg_catalog.uuid desc
  limit $5::bigint
) as r
