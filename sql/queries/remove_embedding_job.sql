-- Forgets a job, see lamplighter.remove_embedding_job. $1 job. One row.
select lamplighter.remove_embedding_job($1)
