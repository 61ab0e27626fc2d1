-- Queues a request for one of several texts. $1 prompt, $2 choices, $3 max_tokens, then $4 use_cache, $5 seed, $6 priority and $7 model:
-- null for the default. Always one row.
select public.steadytext_generate_choice_async($1, $2, $3, $4, $5, $6, $7)::text as request_id
