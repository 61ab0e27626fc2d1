-- lamplighter.enqueue_task (internal)
-- Makes the run of a new task. Without a pinned search_path, as the one that is kept is its caller's: every name in it is qualified and
-- there is no operator, as both are looked up along that path, with the owner's rights.
create or replace function lamplighter.enqueue_task() returns trigger
language plpgsql volatile security definer as $$
begin
  insert into lamplighter.task_run (jobid, username, role_oid, job_name, query, search_path, origin, queued_at)
  values (new.jobid, new.username, lamplighter.find_role(new.username), new.job_name, new.query,
          pg_catalog.current_setting('search_path'), lamplighter.read_task_origin(), new.started_at);
  return null;
end
$$;

create or replace trigger enqueue_task after insert on lantern.tasks
  for each row
  when (new.status is null)
  execute function lamplighter.enqueue_task();
