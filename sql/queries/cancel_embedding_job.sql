-- Stops a job at once, see lamplighter.cancel_embedding_job. $1 job. One row: false where there was nothing to stop.
select lamplighter.cancel_embedding_job($1) as is_canceled
