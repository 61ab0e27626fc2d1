-- Reads the three settings as callers and workers see them now. One row. For the schema's owner and for workers.
select
  lamplighter.effective_setting('worker_concurrency') as worker_concurrency,
  lamplighter.effective_setting('worker_poll_interval') as worker_poll_interval,
  lamplighter.effective_setting('max_queue_size') as max_queue_size
