-- lamplighter.record_delivery (internal)
-- Writes the calls that follow from the end of one request, in the transaction that ends it. Rows that stand in for another one while
-- its transaction waits (lamplighter.autonomous_request) have none.
create or replace function lamplighter.record_delivery(p_request_id uuid, p_function_name text, p_status text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
  if not exists (select from lamplighter.handler) then
    return;
  end if;
  insert into lamplighter.delivery (handler_id, username, request_id, function_name, status)
  select h.handler_id, h.username, q.request_id, p_function_name, p_status
  from public.steadytext_queue as q
  join lamplighter.handler as h on not h.is_dropped and h.username = q.username and h.function_name in ('', p_function_name)
  where q.request_id = p_request_id
    and not exists (select from lamplighter.autonomous_request as a where a.request_id = q.request_id)
  order by h.handler_id;
  if found then
    perform lamplighter.wake_workers('tasks');
  end if;
end
$$;
