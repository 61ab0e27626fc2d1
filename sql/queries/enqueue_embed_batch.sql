-- Queues a request for a vector for each text. $1 texts, then $2 use_cache, $3 priority and $4 model: null for the default. One row for
-- each text, in their order.
-- The types are named, or somebody else's function in public that takes texts would be preferred.
select u.request_id::text as request_id
from pg_catalog.unnest(public.steadytext_embed_batch_async($1::text[], $2::boolean, $3::integer, $4::text)) with ordinality as u (request_id, position)
order by u.position
