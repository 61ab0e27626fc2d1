-- lamplighter.cancel_task (internal)
-- A queued task ends at once; whoever runs a running one is told. Whose task it is, the policy on the table has checked.
create or replace function lamplighter.cancel_task() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- A claim that was under way is waited for, and what it has taken is running then.
  perform from lamplighter.task_run as r where r.run_id = new.run_id and r.state = 'queued' for no key update;
  if found then
    perform lamplighter.finish_run(new.run_id, 'canceled', 'Canceled by user');
  elsif pg_notification_queue_usage() < 0.9 then
    perform pg_notify('lamplighter_task_cancel', new.run_id::text);
  end if;
  return null;
end
$$;

create or replace trigger cancel after insert on lamplighter.task_cancel
  for each row
  execute function lamplighter.cancel_task();
