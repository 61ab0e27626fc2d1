-- Queues a request for JSON. $1 prompt, $2 schema, $3 max_tokens, then $4 use_cache, $5 seed, $6 priority and $7 model: null for the
-- default. Always one row.
select public.steadytext_generate_json_async($1, $2, $3, $4, $5, $6, $7)::text as request_id
