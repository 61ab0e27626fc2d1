-- Queues a request for JSON. $1 prompt, $2 schema, $3 max_tokens, then $4 use_cache, $5 seed, $6 priority and $7 model: null for the
-- default. Always one row.
-- $2 is a text, as drivers write a parameter of type jsonb as JSON once more. The types are named, or somebody else's function in public that takes texts would be preferred.
select public.steadytext_generate_json_async(
  $1::text, $2::text::jsonb, $3::integer, $4::boolean, $5::integer, $6::integer, $7::text)::text as request_id
