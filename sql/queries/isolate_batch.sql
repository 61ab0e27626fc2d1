-- Notes whether a process has nothing in flight but a batch of one row, see lamplighter.isolate_batch. $1 batch, $2 process, $3 whether. One row.
select lamplighter.isolate_batch($1, $2, $3) as is_noted
