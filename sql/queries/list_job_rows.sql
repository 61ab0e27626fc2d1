-- Reads embedding jobs of this database: $1 the number of one, or null for all. One row: an array in JSON, in which what is null is left
-- out.
select pg_catalog.json_strip_nulls(coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json))::pg_catalog.text as rows
from (
  select s.job::pg_catalog.text as id, s.job_id as "jobId", pg_catalog.format('%I.%I', s.schema_name, s.table_name) as "table",
         s.src_column as "sourceColumn",
         coalesce(s.dst_table || '.', '') || pg_catalog.quote_ident(s.dst_column) as destination,
         s.model, s.former_model as "formerModel", s.dimensions, s.state, s.reason, s.rows, s.embedded, s.stale, s.chunks, s.queued, s.failed, s.is_exact as "isExact", s.truncated, s.tokens,
         s.calls, s.rate, extract(epoch from s.eta) * 1000::pg_catalog.numeric as "etaMs",
         extract(epoch from s.lag) * 1000::pg_catalog.numeric as "lagMs", s.pass_percent as "passPercent", s.pass_rate as "passRate", s.full_pass_at as "fullPassAt",
         s.next_full_pass_at as "nextFullPassAt",
         s.last_error as "lastError", s.last_error_at as "lastErrorAt",
         case when s.index_state is not null then pg_catalog.json_build_object(
           'state', s.index_state, 'name', s.index_name, 'percent', s.index_percent, 'reason', s.index_reason) end as "index"
  from lamplighter.embedding_status as s
  where $1::bigint is null or s.job = $1::bigint
  order by s.job
) as r
