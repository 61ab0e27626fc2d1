-- public.steadytext_resume (owner)
create or replace function public.steadytext_resume(function_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_function(function_name);
  delete from lamplighter.paused_function as p where p.function_name = steadytext_resume.function_name;
  perform lamplighter.wake_workers('requests');
end
$$;

comment on function public.steadytext_resume(text) is
  'Ends what steadytext_pause began. For the schema owner. function_name: e.g. embed.';
