-- lamplighter.finish_run (internal)
-- Ends a run that its caller has locked, and writes it into lantern.tasks where that can be had at once; project_tasks does the rest.
create or replace function lamplighter.finish_run(
  p_run_id bigint,
  p_status text,
  p_error_message text default null,
  p_command_tag text default null,
  p_row_count bigint default null
) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update lamplighter.task_run as r
  set state = p_status,
      error_message = case when p_status <> 'succeeded' then p_error_message end,
      command_tag = p_command_tag,
      row_count = p_row_count,
      finished_at = clock_timestamp(),
      query = null,
      secret_hash = null,
      cancel_key = null,
      reason = null,
      not_before = null
  where r.run_id = p_run_id;
  perform lamplighter.project_task(p_run_id);
end
$$;
