-- Notes what the user of a job should know, see lamplighter.record_job_warnings. $1 job, $2 sentences. One row.
select lamplighter.record_job_warnings($1, $2)
