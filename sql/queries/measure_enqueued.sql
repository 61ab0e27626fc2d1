-- Counts what was queued since the last time into its minutes. One row: whether there is more to count.
select lamplighter.measure_enqueued() as has_more
