-- Shows requests. $1 request ids. Times are seconds since 1970. Ids that are unknown, or not the caller's, give no row.
-- Everything is text: how a driver reads other types is up to the program that it runs in.
select q.request_id::text as request_id, q.function_name, q.model, q.status, q.result, q.error, q.priority::text as priority,
       q.retry_count::text as retry_count, extract(epoch from q.created_at)::text as created_s,
       extract(epoch from q.started_at)::text as started_s, extract(epoch from q.completed_at)::text as completed_s,
       extract(epoch from q.failed_at)::text as failed_s
from public.steadytext_queue as q
where q.request_id = any ($1::uuid[])
