-- Queues a request for a text for each prompt. $1 prompts, $2 max_tokens, then $3 use_cache, $4 seed, $5 priority and $6 model: null for
-- the default. One row for each prompt, in their order.
-- The types are named, or somebody else's function in public that takes texts would be preferred.
select u.request_id::text as request_id
from pg_catalog.unnest(public.steadytext_generate_batch_async($1::text[], $2::integer, $3::boolean, $4::integer, $5::integer, $6::text)) with ordinality as u (request_id, position)
order by u.position
