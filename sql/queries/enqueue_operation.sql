-- Begins an operation: $1 kind, $2 action, $3 filter as JSON, $4 how many matched, $5 user of the dashboard or null, $6 source. One row.
select lamplighter.enqueue_operation($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.jsonb, $4::bigint, $5::pg_catalog.text,
         $6::pg_catalog.text)::pg_catalog.text as operation_id
