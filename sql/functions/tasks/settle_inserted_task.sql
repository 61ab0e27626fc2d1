-- lamplighter.settle_inserted_task (internal)
-- Writes what no caller chooses: whose task it is and when it was queued. A row with a status is the owner's, such as history that was
-- moved here; it is left as it is and never runs.
create or replace function lamplighter.settle_inserted_task() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_text(new.query, 'Query cannot be empty');
  perform lamplighter.require_task_role();
  new.pg_cron_job_name := 'async_task_' || new.jobid;
  new.username := current_user;
  new.started_at := clock_timestamp();
  new.duration := null;
  new.error_message := null;
  return new;
end
$$;

create or replace trigger settle_inserted before insert on lantern.tasks
  for each row
  when (new.status is null)
  execute function lamplighter.settle_inserted_task();
