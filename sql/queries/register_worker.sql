-- Registers a process and grants it a lease.
-- $1 host name, $2 process id, $3 version, $4 lanes ('function:model'), $5 concurrency, $6 lease in ms,
-- $7 kind ('worker' or 'daemon'), $8 the id that all leases of the process share, $9 by what its kernel knows it (or null).
-- Always one row.
select lamplighter.register_worker($1, $2, $3, $4, $5, $6, $7, $8, $9) as worker_id
