-- Says why nothing answers requests at present. $1 request ids. One row for each lane and last error among them, request_ids being a
-- JSON array; reason is null when something may answer. Ids that are unknown, or not the caller's, are in no row.
select pg_catalog.array_to_json(pg_catalog.array_agg(q.request_id))::text as request_ids,
       lamplighter.explain_wait(q.function_name, q.model, q.error) as reason
from public.steadytext_queue as q
where q.request_id = any ($1::uuid[])
group by q.function_name, q.model, q.error
