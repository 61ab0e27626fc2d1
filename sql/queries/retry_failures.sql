-- Embeds rows again that failed for good: $1 job, $2 md5 hashes of their keys, or null for 5,000 of the job from $3 on (null: the first). One
-- row: how many, and where to go on; null at the end.
select r.retried::pg_catalog.text as retried, r.next_from::pg_catalog.text as next_from
from lamplighter.retry_failures($1::bigint, $2::pg_catalog.uuid[], $3::pg_catalog.uuid) as r
