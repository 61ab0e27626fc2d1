-- Counts requests that a process has claimed into the minutes in which they were queued. $1 the process, $2 the number of the batch, $3 rows
-- as JSON. One row without content.
select lamplighter.record_queued($1, $2::bigint, $3::jsonb)
