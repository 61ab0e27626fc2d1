-- public.steadytext_on_completed (caller)
-- Without a pinned search_path, so that the one that is kept for the handler is its caller's; every name in it is qualified.
create or replace function public.steadytext_on_completed(handler regprocedure, function_name text default null) returns bigint
language sql volatile security invoker as $$
  select lamplighter.register_handler(
    steadytext_on_completed.handler, steadytext_on_completed.function_name, pg_catalog.current_setting('search_path'))
$$;

comment on function public.steadytext_on_completed(regprocedure, text) is
  'Registers a function of yours that is called, as you, for each of your requests that ends from now on; returns the id of the handler. handler: a function without arguments, or with one of type jsonb, which is the event. function_name: only for requests of that function.';
