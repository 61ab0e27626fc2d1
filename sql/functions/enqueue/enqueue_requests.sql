-- lamplighter.enqueue_requests (caller)
-- Queues one request for each element of p_parameters in one statement; ids come back in the order of the elements.
create or replace function lamplighter.enqueue_requests(p_function_name text, p_parameters jsonb[], p_priority integer, p_model text)
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
