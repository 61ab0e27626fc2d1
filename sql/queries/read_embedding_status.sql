-- How a job is, as lamplighter.embedding_status shows it. $1 job. No row when there is none.
select s.state, s.reason, s.rows, s.embedded, s.stale, s.queued, s.failed, s.truncated, s.tokens, s.calls, s.rate,
       extract(epoch from s.eta) * 1000::pg_catalog.numeric as eta_ms, extract(epoch from s.lag) * 1000::pg_catalog.numeric as lag_ms, s.last_error, s.pass_number, s.pass_rows, s.pass_percent,
       s.pass_started_at, s.pass_rate, s.full_pass_at, s.next_full_pass_at, s.index_state, s.index_name, s.index_percent, s.index_reason
from lamplighter.embedding_status as s
where s.job = $1
