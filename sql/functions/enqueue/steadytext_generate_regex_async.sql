-- public.steadytext_generate_regex_async (caller)
create or replace function public.steadytext_generate_regex_async(
  prompt text,
  pattern text,
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
  perform lamplighter.require_text(pattern, 'Pattern cannot be empty');
  perform lamplighter.require_pattern(pattern);
  perform lamplighter.require_generate_limits(max_tokens, seed);
  request_id := lamplighter.enqueue_request('generate_regex',
    jsonb_build_object('prompt', prompt, 'pattern', pattern, 'max_tokens', max_tokens, 'use_cache', coalesce(use_cache, true),
                       'seed', coalesce(seed, 42)),
    priority, model);
end
$$;

comment on function public.steadytext_generate_regex_async(text, text, integer, boolean, integer, integer, text) is
  'Queues a request for a text that a pattern matches as a whole and returns its id at once. prompt: what to answer. pattern: the regular expression. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that use one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
