-- lamplighter.enqueue_autonomous (internal)
-- Run through the loopback connection, by its role. A caller that holds a lock on the queue would wait for itself, which no
-- deadlock detection sees.
create or replace function lamplighter.enqueue_autonomous(
  p_request_id uuid,
  p_origin_id uuid,
  p_username text,
  p_function_name text,
  p_parameters jsonb,
  p_priority integer,
  p_model text,
  p_traceparent text default null
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
  insert into lamplighter.autonomous_request (request_id, origin_id) values (p_request_id, p_origin_id);
  insert into public.steadytext_queue (request_id, batch_id, username, function_name, parameters, priority, model, traceparent)
  values (p_request_id, p_origin_id, p_username, p_function_name, p_parameters, p_priority, p_model, p_traceparent);
  return p_request_id;
end
$$;
