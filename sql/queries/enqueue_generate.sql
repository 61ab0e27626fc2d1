-- Queues a request for a text. $1 prompt, $2 max_tokens, then $3 use_cache, $4 seed, $5 priority and $6 model: null for the default.
-- Always one row.
-- The types are named, or somebody else's function in public that takes texts would be preferred.
select public.steadytext_generate_async($1::text, $2::integer, $3::boolean, $4::integer, $5::integer, $6::text)::text as request_id
