-- How tasks stand. $1 ids. One row for each that the caller sees; times are seconds since 1970, durations seconds.
select t.jobid::text as jobid, t.job_name::text as job_name, t.username::text as username, t.state::text as state, t.reason::text as reason,
       t.guarantee::text as guarantee, extract(epoch from t.queued_at)::text as queued_s,
       extract(epoch from t.run_started_at)::text as run_started_s,
       extract(epoch from t.finished_at)::text as finished_s, extract(epoch from t.wait)::text as wait_s,
       extract(epoch from t.run)::text as run_s, t.attempt::text as attempt, t.worker::text as worker,
       t.backend_pid::text as backend_pid, pg_catalog.array_to_json(t.blocked_by)::text as blocked_by, t.command_tag::text as command_tag,
       t.row_count::text as row_count, t.progress_phase::text as progress_phase, t.progress_percent::text as progress_percent,
       extract(epoch from t.eta - pg_catalog.clock_timestamp())::text as left_s, t.error_message::text as error_message
from lantern.task_status as t
where t.jobid = any ($1::bigint[])
