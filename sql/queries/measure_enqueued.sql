-- Counts the tasks that were queued since the last time into their minutes. One row: whether there is more to count.
select lamplighter.measure_enqueued() as has_more
