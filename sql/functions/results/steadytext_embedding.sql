-- public.steadytext_embedding (caller)
-- Stable, so that ORDER BY the distance to it can use an index.
create or replace function public.steadytext_embedding(request_id uuid) returns real[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_function_name text;
  v_status text;
  v_result text;
begin
  select q.function_name, q.status, q.result into v_function_name, v_status, v_result
  from public.steadytext_queue as q
  where q.request_id = steadytext_embedding.request_id;
  if not found then
    raise exception 'Request ID % not found', request_id;
  end if;
  if v_function_name <> 'embed' then
    raise exception 'Request % is not an embedding: it is %', request_id, v_function_name using errcode = '22023';
  end if;
  if v_status <> 'completed' then
    return null;
  end if;
  return translate(v_result, '[]', '{}')::real[];
end
$$;

comment on function public.steadytext_embedding(uuid) is 'The vector of a completed embed request of yours; NULL while there is none. request_id: what steadytext_embed_async returned.';
