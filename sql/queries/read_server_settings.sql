-- Reads the three settings as this session sees them. To be run in a fresh session. One row; null where not set.
select
  pg_catalog.current_setting('steadytext.worker_concurrency', true) as worker_concurrency,
  pg_catalog.current_setting('steadytext.worker_poll_interval', true) as worker_poll_interval,
  pg_catalog.current_setting('steadytext.max_queue_size', true) as max_queue_size
