-- The failures of the last hour among the newest $1 requests: the error of each, cut. One row: an array in JSON.
select coalesce(pg_catalog.json_agg(pg_catalog.left(q.error, 200)), '[]'::pg_catalog.json)::pg_catalog.text as errors
from lamplighter.scan_requests('{"status": "failed"}'::pg_catalog.jsonb, null, 9223372036854775807::bigint, $1::integer, 500) as s
join public.steadytext_queue as q on q.id = any (s.ids)
where q.failed_at > pg_catalog.clock_timestamp() - '1 hour'::interval
