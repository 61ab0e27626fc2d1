-- Writes down who did what: $1 user of the dashboard or null, $2 source, $3 action, $4 kind, $5 filter as JSON, $6 count. One row: its number.
insert into lamplighter.audit (user_name, source, action, kind, filter, count)
values ($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text, $4::pg_catalog.text, $5::pg_catalog.jsonb, $6::bigint)
returning audit_id::pg_catalog.text as audit_id
