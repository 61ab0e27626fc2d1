-- public.steadytext_drop_handler (caller)
create or replace function public.steadytext_drop_handler(handler_id bigint) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update lamplighter.handler as h
  set is_dropped = true
  where h.handler_id = steadytext_drop_handler.handler_id and not h.is_dropped;
  return found;
end
$$;

comment on function public.steadytext_drop_handler(bigint) is
  'Removes a handler of yours with its pending calls; true if there was one. handler_id: what steadytext_on_completed returned.';
