-- lamplighter.record_task_outcome (caller)
-- Run by a task's own session, first of all in the transaction that its text runs in. Raises 23505 when the text was applied earlier, and
-- LL002 when this session is not, or no longer, the one to run it. It only inserts: an update of a row that workers change would fail
-- under REPEATABLE READ.
create or replace function lamplighter.record_task_outcome(p_run_id bigint, p_attempt integer, p_secret bytea) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
  if not lamplighter.is_task_session(p_run_id, p_attempt, p_secret) then
    raise exception 'This session does not run that task' using errcode = 'LL002';
  end if;
  insert into lamplighter.task_outcome (run_id, attempt) values (p_run_id, p_attempt);
end
$$;
