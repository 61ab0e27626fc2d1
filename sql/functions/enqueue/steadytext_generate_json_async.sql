-- public.steadytext_generate_json_async (caller)
create or replace function public.steadytext_generate_json_async(
  prompt text,
  schema jsonb,
  max_tokens integer default 512,
  use_cache boolean default true,
  seed integer default 42,
  priority integer default 0,
  model text default null,
  out request_id uuid
) returns uuid
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_text(prompt, 'Prompt cannot be empty');
  if schema is null then
    raise exception 'Schema cannot be null' using errcode = '22023';
  end if;
  if jsonb_typeof(schema) not in ('object', 'boolean') then
    raise exception 'Schema must be a JSON object or boolean' using errcode = '22023';
  end if;
  perform lamplighter.require_schema(schema);
  perform lamplighter.require_generate_limits(max_tokens, seed);
  request_id := lamplighter.enqueue_request('generate_json',
    jsonb_build_object('prompt', prompt, 'schema', schema, 'max_tokens', max_tokens, 'use_cache', coalesce(use_cache, true),
                       'seed', coalesce(seed, 42)),
    priority, model);
end
$$;

comment on function public.steadytext_generate_json_async(text, jsonb, integer, boolean, integer, integer, text) is
  'Queues a request for JSON that is valid under a JSON Schema and returns its id at once. prompt: what to answer. schema: the JSON Schema. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that use one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
