-- Merges minutes, sums up hours, deletes what is old. One row without content.
select lamplighter.compact_metrics()
