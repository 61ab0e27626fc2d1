-- Describes the server and the session, for people. Always one row; is_encrypted is what the server sees, which behind a pooler is the
-- pooler's connection; now_s is seconds since 1970 by the server's clock.
select
  pg_catalog.current_setting('server_version') as version,
  pg_catalog.pg_is_in_recovery() as is_standby,
  coalesce((select s.ssl from pg_catalog.pg_stat_ssl as s where s.pid = pg_catalog.pg_backend_pid()), false) as is_encrypted,
  extract(epoch from pg_catalog.clock_timestamp())::text as now_s,
  pg_catalog.pg_notification_queue_usage()::text as notification_queue_usage
