-- lamplighter.finish_task (worker)
-- Records the verdict on a text that ended in a session which is still known to be well: p_status is succeeded, failed or canceled. What
-- is recorded is returned: succeeded where the outcome is there; else canceled where somebody asked for that and the text did not
-- succeed; else what was given. Null when the attempt is no longer the worker's. Raises 55P03 when the row is locked for a second.
-- Lock order: runs, then tasks.
create or replace function lamplighter.finish_task(
  p_worker_id uuid,
  p_run_id bigint,
  p_attempt integer,
  p_status text,
  p_error_message text,
  p_command_tag text,
  p_row_count bigint
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set lock_timeout = '1s'
set row_security = off as $$
declare
  v_guarantee text;
  v_status text := p_status;
  v_error text := p_error_message;
begin
  perform lamplighter.require_own_worker(p_worker_id);
  if p_status is null or p_status not in ('succeeded', 'failed', 'canceled') then
    raise exception 'A task ends succeeded, failed or canceled, not %', coalesce(p_status, 'NULL') using errcode = '22023';
  end if;
  select r.guarantee into v_guarantee
  from lamplighter.task_run as r
  where r.run_id = p_run_id and r.worker_id = p_worker_id and r.attempt = p_attempt and r.state = 'running'
  for no key update;
  if not found then
    return null;
  end if;
  if exists (select from lamplighter.task_outcome as o where o.run_id = p_run_id) then
    v_status := 'succeeded';
  elsif v_status = 'succeeded' and v_guarantee = 'exactly once' then
    v_status := 'failed';
    v_error := coalesce(v_error, 'the transaction of the text was not committed');
  end if;
  if v_status <> 'succeeded' and exists (select from lamplighter.task_cancel as c where c.run_id = p_run_id) then
    v_status := 'canceled';
  end if;
  if v_status = 'canceled' then
    v_error := 'Canceled by user';
  end if;
  perform lamplighter.finish_run(p_run_id, v_status, v_error, p_command_tag, p_row_count);
  return v_status;
end
$$;
