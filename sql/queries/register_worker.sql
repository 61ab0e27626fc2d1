-- Registers a process and grants it a lease.
-- $1 host name, $2 process id, $3 version, $4 lanes ('function:model'), $5 concurrency, $6 lease in ms,
-- $7 kind ('worker' or 'daemon'). Always one row.
select lamplighter.register_worker($1, $2, $3, $4, $5, $6, $7) as worker_id
