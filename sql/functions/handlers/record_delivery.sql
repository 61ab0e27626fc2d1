-- lamplighter.record_delivery (internal)
-- Writes the calls that follow from the end of one request, in the transaction that ends it. Rows that stand in for another one while
-- its transaction waits (lamplighter.autonomous_request) have none. A request that a call queued is one deeper than the request of that
-- call; where that goes too deep, as with a handler that handles what it queues, the call is written as failed for good.
create or replace function lamplighter.record_delivery(p_request_id uuid, p_function_name text, p_status text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  v_depth integer;
begin
  if not exists (select from lamplighter.handler) then
    return;
  end if;
  delete from lamplighter.handler_chain as c where c.request_id = p_request_id returning c.depth into v_depth;
  insert into lamplighter.delivery (handler_id, username, request_id, function_name, status, depth, failed_at, error)
  select h.handler_id, h.username, q.request_id, p_function_name, p_status, coalesce(v_depth, 0), f.failed_at, f.error
  from public.steadytext_queue as q
  cross join lamplighter.explain_depth(v_depth) as f
  join lamplighter.handler as h on not h.is_dropped and h.username = q.username and h.function_name in ('', p_function_name)
  where q.request_id = p_request_id
    and not exists (select from lamplighter.autonomous_request as a where a.request_id = q.request_id)
  order by h.handler_id;
  if found then
    perform lamplighter.wake_workers('tasks');
  end if;
end
$$;
