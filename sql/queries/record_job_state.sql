-- Notes how a job is, see lamplighter.record_job_state. $1 job, $2 state, $3 reason or null. One row.
select lamplighter.record_job_state($1, $2, $3)
