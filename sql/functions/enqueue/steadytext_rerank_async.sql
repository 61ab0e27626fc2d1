-- public.steadytext_rerank_async (caller)
create or replace function public.steadytext_rerank_async(
  query text,
  documents text[],
  task text default 'Given a web search query, retrieve relevant passages that answer the query',
  use_cache boolean default true,
  seed integer default 42,
  priority integer default 0,
  model text default null,
  out request_id uuid
) returns uuid
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_text(query, 'Query cannot be empty');
  if documents is null or cardinality(documents) = 0 or exists (select 1 from unnest(documents) as d (document) where d.document is null) then
    raise exception 'Documents cannot be empty or contain nulls' using errcode = '22023';
  end if;
  if seed < 0 then
    raise exception 'Seed must be a non-negative integer' using errcode = '22023';
  end if;
  request_id := lamplighter.enqueue_request('rerank',
    jsonb_build_object('query', query, 'documents', array(select unnest(documents)),
                       'task', coalesce(task, 'Given a web search query, retrieve relevant passages that answer the query'),
                       'use_cache', coalesce(use_cache, true), 'seed', coalesce(seed, 42)),
    priority, model);
end
$$;

comment on function public.steadytext_rerank_async(text, text[], text, boolean, integer, integer, text) is
  'Queues a request to order documents by how well they answer a query and returns its id at once. query: the search text. documents: the texts to order. task: an instruction, for models that accept one. use_cache: take over the result of an equal request if there is one. seed: for servers that use one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
