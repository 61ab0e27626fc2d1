-- Lists tasks that the caller sees, the latest first. Nulls do not filter: $1 ids, $2 states, $3 role, $4 name of the job, $5 and $6
-- queued no longer and at least this many milliseconds ago; $7 most rows. Times are seconds since 1970, durations seconds.
select t.jobid::text as jobid, t.job_name::text as job_name, t.username::text as username, t.state::text as state, t.reason::text as reason,
       t.guarantee::text as guarantee, extract(epoch from t.queued_at)::text as queued_s,
       extract(epoch from t.run_started_at)::text as run_started_s,
       extract(epoch from t.finished_at)::text as finished_s, extract(epoch from t.wait)::text as wait_s,
       extract(epoch from t.run)::text as run_s, t.attempt::text as attempt, t.worker::text as worker,
       t.backend_pid::text as backend_pid, pg_catalog.array_to_json(t.blocked_by)::text as blocked_by, t.command_tag::text as command_tag,
       t.row_count::text as row_count, t.progress_phase::text as progress_phase, t.progress_percent::text as progress_percent,
       extract(epoch from t.eta - pg_catalog.clock_timestamp())::text as left_s, t.error_message::text as error_message
from lantern.task_status as t
where ($1::bigint[] is null or t.jobid = any ($1::bigint[]))
  and ($2::text[] is null or t.state::text = any ($2::text[]))
  and ($3::text is null or t.username::text = $3::text)
  and ($4::text is null or t.job_name::text = $4::text)
  and ($5::float8 is null or t.queued_at >= pg_catalog.clock_timestamp() - $5::float8 * interval '1 millisecond')
  and ($6::float8 is null or t.queued_at <= pg_catalog.clock_timestamp() - $6::float8 * interval '1 millisecond')
order by t.jobid desc
limit $7::bigint
