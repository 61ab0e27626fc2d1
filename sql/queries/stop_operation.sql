-- Asks for an operation to stop: $1 its number, $2 user of the dashboard or null, $3 source. One row.
select lamplighter.stop_operation($1::bigint, $2::pg_catalog.text, $3::pg_catalog.text)::pg_catalog.text as is_asked
