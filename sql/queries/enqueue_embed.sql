-- Queues a request for a vector. $1 text, then $2 use_cache, $3 priority and $4 model: null for the default. Always one row.
select public.steadytext_embed_async($1, $2, $3, $4)::text as request_id
