-- lamplighter.enqueue_autonomous (internal)
-- Run through the loopback connection, by its role. A caller that holds a lock on the queue would wait for itself, which no
-- deadlock detection sees. The connection of a copied database leads to the database that it was copied from: p_place, the caller's
-- read_task_origin(), is another there, and nothing is queued.
create or replace function lamplighter.enqueue_autonomous(
  p_request_id uuid,
  p_origin_id uuid,
  p_username text,
  p_function_name text,
  p_parameters jsonb,
  p_priority integer,
  p_model text,
  p_traceparent text default null,
  p_place text default null
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
  if p_place <> lamplighter.read_task_origin() then
    raise exception 'it leads to another database' using errcode = '55000';
  end if;
  insert into lamplighter.autonomous_request (request_id, origin_id) values (p_request_id, p_origin_id);
  insert into public.steadytext_queue (request_id, batch_id, username, function_name, parameters, priority, model, traceparent)
  values (p_request_id, p_origin_id, p_username, p_function_name, p_parameters, p_priority, p_model, p_traceparent);
  return p_request_id;
end
$$;
