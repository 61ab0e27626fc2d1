-- Queues a request for an order of documents. $1 query, $2 documents, then $3 task, $4 use_cache, $5 seed, $6 priority and $7 model: null
-- for the default. Always one row.
select public.steadytext_rerank_async($1, $2, $3, $4, $5, $6, $7)::text as request_id
