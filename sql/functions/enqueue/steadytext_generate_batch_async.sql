-- public.steadytext_generate_batch_async (caller)
create or replace function public.steadytext_generate_batch_async(
  prompts text[],
  max_tokens integer default 512,
  use_cache boolean default true,
  seed integer default 42,
  priority integer default 0,
  model text default null
) returns uuid[]
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_texts(prompts, 'Prompt cannot be empty');
  perform lamplighter.require_generate_limits(max_tokens, seed);
  return lamplighter.enqueue_requests('generate',
    array(select jsonb_build_object('prompt', p.prompt, 'max_tokens', max_tokens, 'use_cache', coalesce(use_cache, true),
                                    'seed', coalesce(seed, 42))
          from unnest(prompts) with ordinality as p (prompt, position)
          order by p.position),
    priority, model);
end
$$;

comment on function public.steadytext_generate_batch_async(text[], integer, boolean, integer, integer, text) is
  'Queues a request for a text for each prompt and returns their ids in the same order. prompts: what to continue. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that use one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
