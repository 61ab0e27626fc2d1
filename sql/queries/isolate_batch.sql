-- Notes that a process has nothing in flight but a batch of one row, see lamplighter.isolate_batch. $1 batch, $2 process. One row.
select lamplighter.isolate_batch($1, $2) as is_isolated
