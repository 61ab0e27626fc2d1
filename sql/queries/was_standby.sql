-- Tells whether the server replayed a log before it took writes: then it may be a standby that was promoted, and nobody knows when.
-- One row.
select pg_catalog.pg_last_wal_replay_lsn() is not null as was_standby
