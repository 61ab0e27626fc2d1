-- public.steadytext_embed_batch_async (caller)
create or replace function public.steadytext_embed_batch_async(
  texts text[],
  use_cache boolean default true,
  priority integer default 0,
  model text default null
) returns uuid[]
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_texts(texts, 'Text input cannot be empty');
  return lamplighter.enqueue_requests('embed',
    array(select jsonb_build_object('text_input', t.text_input, 'use_cache', coalesce(use_cache, true))
          from unnest(texts) with ordinality as t (text_input, position)
          order by t.position),
    priority, model);
end
$$;

comment on function public.steadytext_embed_batch_async(text[], boolean, integer, text) is
  'Queues a request for the vector of each text and returns their ids in the same order. texts: the texts. use_cache: take over the result of an equal request if there is one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
