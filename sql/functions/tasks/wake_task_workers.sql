-- lamplighter.wake_task_workers (internal)
-- Wakes workers once a statement that queued tasks.
create or replace function lamplighter.wake_task_workers() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.wake_workers('tasks');
  return null;
end
$$;

create or replace trigger wake_task_workers after insert on lantern.tasks
  for each statement
  execute function lamplighter.wake_task_workers();
