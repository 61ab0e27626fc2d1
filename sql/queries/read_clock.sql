-- Reads the clock of the server, in milliseconds since 1970. One row.
select extract(epoch from pg_catalog.clock_timestamp())::float8 * 1000::float8 as now_ms
