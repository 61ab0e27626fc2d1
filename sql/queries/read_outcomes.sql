-- Tells how requests stand. $1 request ids. Ids that are unknown, or not the caller's, give no row.
select q.request_id::text as request_id, q.function_name, q.status, q.result, q.error
from public.steadytext_queue as q
where q.request_id = any ($1::uuid[])
