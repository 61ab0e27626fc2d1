-- Notes whether a process has nothing in flight but a row of a batch, see lamplighter.isolate_batch. $1 batch, $2 process, $3 key, $4 whether.
-- One row.
select lamplighter.isolate_batch($1, $2, $3, $4) as is_noted
