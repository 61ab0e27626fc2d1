-- lamplighter.finish_run (internal)
-- Ends a run that its caller has locked, and writes it into lantern.tasks where that can be had at once; project_tasks does the rest. The
-- message names the invalid indexes that a bare text has left behind, whether it failed, was cancelled or was lost.
create or replace function lamplighter.finish_run(
  p_run_id bigint,
  p_status text,
  p_error_message text default null,
  p_command_tag text default null,
  p_row_count bigint default null
) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_error text := case when p_status <> 'succeeded' then p_error_message end;
  v_left text;
  v_handler_id bigint;
begin
  if p_status <> 'succeeded' then
    select lamplighter.describe_left_indexes(r.query, r.invalid_indexes)
    into v_left
    from lamplighter.task_run as r
    where r.run_id = p_run_id and r.bare_at is not null and r.invalid_indexes is not null;
    if v_left is not null then
      v_error := concat(rtrim(v_error, E'\n') || E'\n', v_left, E'\n');
    end if;
  end if;
  update lamplighter.task_run as r
  set state = p_status,
      error_message = v_error,
      command_tag = p_command_tag,
      row_count = p_row_count,
      finished_at = clock_timestamp(),
      query = null,
      secret_hash = null,
      invalid_indexes = null,
      cancel_key = null,
      reason = null,
      not_before = null
  where r.run_id = p_run_id
  returning r.handler_id into v_handler_id;
  if v_handler_id is not null then
    perform lamplighter.settle_deliveries(p_run_id, v_handler_id, p_status, p_error_message);
  end if;
  perform lamplighter.project_task(p_run_id);
end
$$;
