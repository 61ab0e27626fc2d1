-- lamplighter.mark_task_bare (caller)
-- Run by a task's own session, in a transaction of its own, before it runs a text that cannot be in a transaction of ours: from then on it
-- is never run again. False: this session is not, or no longer, the one to run it, or it was cancelled. The transaction should be READ
-- COMMITTED; its commit is on disk before the text begins, as not every effect of a text is in the log.
create or replace function lamplighter.mark_task_bare(p_run_id bigint, p_attempt integer, p_secret bytea) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  perform from lamplighter.task_run as r where r.run_id = p_run_id and r.state = 'running' and r.attempt = p_attempt for no key update;
  if not lamplighter.is_task_session(p_run_id, p_attempt, p_secret)
     or exists (select from lamplighter.task_cancel as c where c.run_id = p_run_id)
     or exists (select from lamplighter.task_outcome as o where o.run_id = p_run_id) then
    return false;
  end if;
  update lamplighter.task_run as r
  set bare_at = clock_timestamp(),
      guarantee = 'at most once',
      invalid_indexes = lamplighter.list_invalid_indexes(r.query)
  where r.run_id = p_run_id;
  return true;
end
$$;
