-- Queues a request for a vector. $1 text, then $2 use_cache, $3 priority and $4 model: null for the default. Always one row.
-- The types are named, or somebody else's function in public that takes texts would be preferred.
select public.steadytext_embed_async($1::text, $2::boolean, $3::integer, $4::text)::text as request_id
