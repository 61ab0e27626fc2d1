-- What was measured. $1 system, $2 how far back in ms, $3 length of a step in ms, $4 function or number of a job, empty for all, $5 model or
-- null for all. One row: its steps as a JSON text, those in which nothing was measured left out, and the clock of the server in ms.
select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
         'at_ms', extract(epoch from s.at) * 1000::pg_catalog.numeric,
         'enqueued', s.enqueued,
         'completed', s.completed,
         'failed', s.failed,
         'cancelled', s.cancelled,
         'retries', s.retries,
         'tokens', s.tokens,
         'oldest_pending_s', s.oldest_pending_s,
         'waits', s.waits,
         'runs', s.runs)), '[]')::text as steps,
       (extract(epoch from pg_catalog.clock_timestamp()) * 1000::pg_catalog.numeric)::text as now_ms
from lamplighter.read_series($1,
  pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2::double precision / 1000::double precision),
  pg_catalog.make_interval(secs => $3::double precision / 1000::double precision), $4, $5) as s
