-- Notes how the index of a job is, see lamplighter.record_embedding_index. $1 job, $2 state or null, $3 name, $4 percent, $5 reason. One row.
select lamplighter.record_embedding_index($1, $2, $3, $4, $5)
