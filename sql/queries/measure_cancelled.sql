-- Counts cancelled requests into their minutes. One row: whether there is more to count.
select lamplighter.measure_cancelled() as has_more
