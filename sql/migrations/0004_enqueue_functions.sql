-- 0004_enqueue_functions (schema version 1): steadytext_*_async(), which check their arguments, queue and return at once.
-- The out parameter names the column, so that SELECT request_id FROM steadytext_generate_async(..) works as documented.

-- Raises p_message with SQLSTATE 22023 when the text is null or has nothing but white space, which is what Unicode says it is in
-- every database: what a regular expression takes for a space depends on the collation, and some collations have none.
create function lamplighter.require_text(p_text text, p_message text) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- Most texts begin with a printable ASCII character, which is seen without reading the rest; ascii() fails in some encodings.
  if (p_text collate "C" >= '!' and p_text collate "C" < E'\x7f'
      or p_text collate "C" ~ E'[^\\s\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]') is not true then
    raise exception '%', p_message using errcode = '22023';
  end if;
end
$$;

-- As require_text, for each element of a batch; the message names the position of the first bad one.
create function lamplighter.require_texts(p_texts text[], p_message text) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_position integer := 0;
  v_text text;
begin
  if p_texts is null or cardinality(p_texts) = 0 then
    raise exception 'Batch cannot be empty' using errcode = '22023';
  end if;
  foreach v_text in array p_texts loop
    v_position := v_position + 1;
    -- A call for each text costs 3 us.
    continue when v_text collate "C" >= '!' and v_text collate "C" < E'\x7f';
    perform lamplighter.require_text(v_text, format('%s (position %s)', p_message, v_position));
  end loop;
end
$$;

create function lamplighter.require_generate_limits(p_max_tokens integer, p_seed integer) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if p_max_tokens is null or p_max_tokens not between 1 and 4096 then
    raise exception 'max_tokens must be between 1 and 4096' using errcode = '22023';
  end if;
  if p_seed < 0 then
    raise exception 'Seed must be a non-negative integer' using errcode = '22023';
  end if;
end
$$;

-- The lane that a caller's model argument names. The bound keeps it in the index of what is ready.
create function lamplighter.model_or_default(p_model text) returns text
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if octet_length(p_model) > 1000 then
    raise exception 'model must be a name of at most 1000 bytes, got %', octet_length(p_model) using errcode = '22023';
  end if;
  return case when btrim(p_model) <> '' then p_model else 'default' end;
end
$$;

-- A claim reads whole requests, which in its text take up to six times their size: a single one of 200 MB kept a claim from ever
-- ending, and so every other role from the lane.
create function lamplighter.guard_request_size() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'A request may have 4 MB at most, got % bytes', pg_column_size(new.parameters || '{}') using errcode = '22023',
    hint = 'Models read a few thousand words: queue the text in parts.';
end
$$;

-- Joined with nothing a value is expanded; otherwise one that comes from another table would have the size of what is stored there,
-- which is 255 times smaller at best. Costs nothing that shows beside the 10 us of an insert.
create trigger guard_size before insert on public.steadytext_queue
  for each row
  when (pg_column_size(new.parameters) > 16384 and pg_column_size(new.parameters || '{}'::jsonb) > 4194304)
  execute function lamplighter.guard_request_size();

-- The limit is checked at the end of a statement (0003), and this far before it: until then all that a statement of a million rows has
-- inserted stands, visible to nobody, in the way of every claim and count.
create function lamplighter.admit_so_far() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_limit constant bigint := lamplighter.effective_setting('max_queue_size');
begin
  -- As at the end, nothing is counted before the bound has passed the limit.
  if v_limit > 0 and lamplighter.read_pending_bound() not between 0 and v_limit and lamplighter.measure_pending(v_limit) > v_limit then
    raise exception 'Queue is full: at most % requests may be pending', v_limit using errcode = '53400',
      hint = 'Queue fewer at once, or let the schema owner raise the limit: SELECT lamplighter.set(''max_queue_size'', ''50000'').';
  end if;
  return new;
end
$$;

-- After fill_insert, by its name, which may issue the id.
create trigger limit_insert before insert on public.steadytext_queue
  for each row
  when (new.id % 1000 = 0)
  execute function lamplighter.admit_so_far();

create function lamplighter.enqueue_request(p_function_name text, p_parameters jsonb, p_priority integer, p_model text)
returns uuid
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.steadytext_queue (function_name, parameters, priority, model)
  values (p_function_name, p_parameters, coalesce(p_priority, 0), lamplighter.model_or_default(p_model))
  returning request_id
$$;

-- Queues one request for each element of p_parameters in one statement; ids come back in the order of the elements.
create function lamplighter.enqueue_requests(p_function_name text, p_parameters jsonb[], p_priority integer, p_model text)
returns uuid[]
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with batch as materialized (
    select gen_random_uuid() as batch_id, lamplighter.model_or_default(p_model) as model
  ), queued as (
    insert into public.steadytext_queue (function_name, parameters, priority, model, batch_id)
    select p_function_name, p.parameters, coalesce(p_priority, 0), b.model, b.batch_id
    from unnest(p_parameters) with ordinality as p (parameters, position)
    cross join batch as b
    order by p.position
    returning id, request_id
  )
  -- An INSERT issues ids in the order of its SELECT.
  select array_agg(q.request_id order by q.id)
  from queued as q
$$;

create function public.steadytext_generate_async(
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
  'Queues a request for a text and returns its id at once. prompt: what to continue. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that draw by it. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';

create function public.steadytext_embed_async(
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

create function public.steadytext_generate_json_async(
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
  perform lamplighter.require_generate_limits(max_tokens, seed);
  request_id := lamplighter.enqueue_request('generate_json',
    jsonb_build_object('prompt', prompt, 'schema', schema, 'max_tokens', max_tokens, 'use_cache', coalesce(use_cache, true),
                       'seed', coalesce(seed, 42)),
    priority, model);
end
$$;
comment on function public.steadytext_generate_json_async(text, jsonb, integer, boolean, integer, integer, text) is
  'Queues a request for JSON that is valid under a JSON Schema and returns its id at once. prompt: what to answer. schema: the JSON Schema. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that draw by it. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';

create function public.steadytext_generate_regex_async(
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
  perform lamplighter.require_generate_limits(max_tokens, seed);
  request_id := lamplighter.enqueue_request('generate_regex',
    jsonb_build_object('prompt', prompt, 'pattern', pattern, 'max_tokens', max_tokens, 'use_cache', coalesce(use_cache, true),
                       'seed', coalesce(seed, 42)),
    priority, model);
end
$$;
comment on function public.steadytext_generate_regex_async(text, text, integer, boolean, integer, integer, text) is
  'Queues a request for a text that a pattern matches as a whole and returns its id at once. prompt: what to answer. pattern: the regular expression. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that draw by it. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';

create function public.steadytext_generate_choice_async(
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
  'Queues a request for one of several choices and returns its id at once. prompt: what to answer. choices: two or more texts. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that draw by it. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';

create function public.steadytext_generate_batch_async(
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
  'Queues a request for a text for each prompt and returns their ids in the same order. prompts: what to continue. max_tokens: the longest answer, 1 to 4096. use_cache: take over the result of an equal request if there is one. seed: for servers that draw by it. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';

create function public.steadytext_embed_batch_async(
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

create function public.steadytext_rerank_async(
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
  'Queues a request to order documents by how well they answer a query and returns its id at once. query: what is sought. documents: the texts to order. task: what the query is for, to models that take an instruction. use_cache: take over the result of an equal request if there is one. seed: for servers that draw by it. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker.';
