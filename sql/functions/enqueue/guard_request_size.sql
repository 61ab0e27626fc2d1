-- lamplighter.guard_request_size (internal)
-- A claim reads whole requests, which in its text take up to six times their size: a single one of 200 MB kept a claim from ever
-- ending, and so every other role from the lane.
create or replace function lamplighter.guard_request_size() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'A request may have 4 MB at most, got % bytes', pg_column_size(new.parameters || '{}') using errcode = '22023',
    hint = 'Models read a few thousand words: queue the text in parts.';
end
$$;

-- Joined with nothing a value is expanded; otherwise one that comes from another table would have the size of what is stored there,
-- which is 255 times smaller at best. Costs nothing that shows beside the 10 us of an insert.
create or replace trigger guard_size before insert on public.steadytext_queue
  for each row
  when (pg_column_size(new.parameters) > 16384 and pg_column_size(new.parameters || '{}'::jsonb) > 4194304)
  execute function lamplighter.guard_request_size();
