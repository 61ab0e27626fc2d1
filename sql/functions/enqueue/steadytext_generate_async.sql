-- public.steadytext_generate_async (caller)
-- As all of its kind it checks its arguments, queues and returns at once. The out parameter names the column, so that SELECT request_id
-- FROM steadytext_generate_async(..) works as documented.
create or replace function public.steadytext_generate_async(
  prompt text,
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
  perform lamplighter.require_generate_limits(max_tokens, seed);
  request_id := lamplighter.enqueue_request('generate',
    jsonb_build_object('prompt', prompt, 'max_tokens', max_tokens, 'use_cache', coalesce(use_cache, true), 'seed', coalesce(seed, 42)),
    priority, model);
end
$$;

comment on function public.steadytext_generate_async(text, integer, boolean, integer, integer, text) is
  'Queues a request for a text and returns its id at once. prompt: what to continue. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that use one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
