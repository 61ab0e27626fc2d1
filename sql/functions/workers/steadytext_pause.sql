-- public.steadytext_pause (owner)
create or replace function public.steadytext_pause(function_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_function(function_name);
  insert into lamplighter.paused_function as p (function_name) values (steadytext_pause.function_name)
  on conflict on constraint paused_function_pkey do nothing;
end
$$;

comment on function public.steadytext_pause(text) is
  'Stops claims of requests of a function until steadytext_resume. For the schema owner. function_name: e.g. embed.';
