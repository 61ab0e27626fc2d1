-- public.steadytext_generate_choice_async (caller)
create or replace function public.steadytext_generate_choice_async(
  prompt text,
  choices text[],
  max_tokens integer default 512,
  use_cache boolean default true,
  seed integer default 42,
  priority integer default 0,
  model text default null,
  out request_id uuid
) returns uuid
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_choice text;
begin
  perform lamplighter.require_text(prompt, 'Prompt cannot be empty');
  if choices is null or cardinality(choices) < 2 then
    raise exception 'Must provide at least 2 choices' using errcode = '22023';
  end if;
  foreach v_choice in array choices loop
    perform lamplighter.require_text(v_choice, 'Choices cannot contain nulls, blanks or duplicates');
  end loop;
  if (select count(distinct c.choice collate "C") from unnest(choices) as c (choice)) < cardinality(choices) then
    raise exception 'Choices cannot contain nulls, blanks or duplicates' using errcode = '22023';
  end if;
  perform lamplighter.require_generate_limits(max_tokens, seed);
  request_id := lamplighter.enqueue_request('generate_choice',
    jsonb_build_object('prompt', prompt, 'choices', array(select unnest(choices)), 'max_tokens', max_tokens,
                       'use_cache', coalesce(use_cache, true), 'seed', coalesce(seed, 42)),
    priority, model);
end
$$;

comment on function public.steadytext_generate_choice_async(text, text[], integer, boolean, integer, integer, text) is
  'Queues a request for one of several choices and returns its id at once. prompt: what to answer. choices: two or more texts. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that use one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
