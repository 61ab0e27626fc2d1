-- lamplighter.enqueue_request (caller)
-- Queues a request of the current role and returns its request_id. A null priority is 0, a null model the worker's own choice.
create or replace function lamplighter.enqueue_request(p_function_name text, p_parameters jsonb, p_priority integer, p_model text)
returns uuid
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.steadytext_queue (function_name, parameters, priority, model)
  values (p_function_name, p_parameters, coalesce(p_priority, 0), lamplighter.model_or_default(p_model))
  returning request_id
$$;
