-- lamplighter.guard_parameters (internal)
-- As a check constraint this would unpack long parameters at every change of a row.
create or replace function lamplighter.guard_parameters() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'parameters must be a JSON object, not %', coalesce(jsonb_typeof(new.parameters), 'NULL')
    using errcode = '23514', constraint = 'steadytext_queue_parameters_are_an_object';
end
$$;

create or replace trigger guard_parameters before insert or update of parameters on public.steadytext_queue
  for each row
  when (jsonb_typeof(new.parameters) <> 'object')
  execute function lamplighter.guard_parameters();
