-- Queues a request for a text. $1 prompt, $2 max_tokens, then $3 use_cache, $4 seed, $5 priority and $6 model: null for the default.
-- Always one row.
select public.steadytext_generate_async($1, $2, $3, $4, $5, $6)::text as request_id
