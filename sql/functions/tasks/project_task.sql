-- lamplighter.project_task (internal)
-- Writes the end of a run, which its caller has locked, into lantern.tasks, and announces it; false when somebody has that table or that
-- row locked, or a trigger of the owner's refuses it: then the run keeps the reason. A run whose row was deleted goes with it. The events are hints: none is sent when the server's notification queue is half
-- full, as a full one would fail every transaction of the server that notifies.
-- Lock order: runs, then tasks.
create or replace function lamplighter.project_task(p_run_id bigint) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp set lock_timeout = '10ms' set row_security = off as $$
declare
  v_run record;
begin
  select r.jobid, r.state, r.error_message, r.finished_at, r.is_orphaned
  into v_run
  from lamplighter.task_run as r
  where r.run_id = p_run_id;
  if not v_run.is_orphaned then
    begin
      perform from lantern.tasks as t where t.jobid = v_run.jobid for no key update skip locked;
      if found then
        update lantern.tasks as t
        set status = v_run.state,
            duration = v_run.finished_at - t.started_at,
            error_message = v_run.error_message
        where t.jobid = v_run.jobid;
        if not found then
          raise exception 'a trigger leaves the row as it is' using errcode = '27000';
        end if;
      else
        v_run.is_orphaned := not exists (select from lantern.tasks as t where t.jobid = v_run.jobid);
        if not v_run.is_orphaned then
          return false;
        end if;
      end if;
    exception
      when lock_not_available then
        return false;
      when others then
        -- What passes by itself is left to who called: the end as a whole is recorded again.
        if left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX') then
          raise;
        end if;
        update lamplighter.task_run as r
        set reason = 'lantern.tasks does not take its end: ' || left(sqlerrm, 1000)
        where r.run_id = p_run_id;
        return false;
    end;
  end if;
  if v_run.is_orphaned then
    delete from lamplighter.task_run as r where r.run_id = p_run_id;
  else
    update lamplighter.task_run as r set is_projected = true, reason = null where r.run_id = p_run_id;
  end if;
  delete from lamplighter.task_outcome as o where o.run_id = p_run_id;
  delete from lamplighter.task_cancel as c where c.run_id = p_run_id;
  if not v_run.is_orphaned and pg_notification_queue_usage() < 0.5 then
    perform pg_notify('lantern_tasks', format('{"jobid": %s, "status": "%s"}', v_run.jobid, v_run.state));
  end if;
  return true;
end
$$;
