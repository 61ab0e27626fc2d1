-- lamplighter.settle_inserted_task (internal)
-- Writes what no caller chooses: whose task it is and when it was queued. A row with a status is the owner's, such as history that was
-- moved here; it is left as it is and never runs. A worker holds the texts of all tasks that it runs in memory, so a text has a limit.
create or replace function lamplighter.settle_inserted_task() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_text(new.query, 'Query cannot be empty');
  if octet_length(new.query) > 16777216 then
    raise exception 'A task may have 16 MB at most, got % bytes', octet_length(new.query)
      using errcode = '22023', hint = 'Put the data into a table, and let the text read it from there.';
  end if;
  if octet_length(new.job_name) > 1000 then
    raise exception 'job_name must be a name of at most 1000 bytes, got %', octet_length(new.job_name) using errcode = '22023';
  end if;
  perform lamplighter.require_utf8(new.query), lamplighter.require_utf8(new.job_name);
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
