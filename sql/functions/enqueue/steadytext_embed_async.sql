-- public.steadytext_embed_async (caller)
create or replace function public.steadytext_embed_async(
  text_input text,
  use_cache boolean default true,
  priority integer default 0,
  model text default null,
  out request_id uuid
) returns uuid
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_text(text_input, 'Text input cannot be empty');
  request_id := lamplighter.enqueue_request('embed',
    jsonb_build_object('text_input', text_input, 'use_cache', coalesce(use_cache, true)),
    priority, model);
end
$$;

comment on function public.steadytext_embed_async(text, boolean, integer, text) is
  'Queues a request for the vector of a text and returns its id at once. text_input: the text. use_cache: take over the result of an equal request if there is one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
