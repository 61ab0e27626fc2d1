-- Writes what a process has measured. $1 the process, $2 rows as JSON. One row without content.
select lamplighter.record_metrics($1, $2::jsonb)
