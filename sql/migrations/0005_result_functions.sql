-- 0005_result_functions (schema version 1): look at a request, cancel it, retry it, delete old ones.
-- All run as the caller: row-level security shows a role its own requests, the schema owner all of them.

-- The planner estimates with statistics of all rows, and EXPLAIN shows what it estimates: a caller could find out whether a text is
-- frequent among everybody's results. No query of ours has a condition on these, and ANALYZE need not read them.
alter table public.steadytext_queue
  alter column parameters set statistics 0,
  alter column result set statistics 0,
  alter column error set statistics 0;
