-- lamplighter.wake_workers (internal)
-- Sends the private wake-up if a worker asked for one, unless the server's notification queue is all but full: a commit that no
-- longer fits fails, and workers look of their own accord as well. The same goes for the cancel below.
create or replace function lamplighter.wake_workers() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_epoch bigint;
begin
  select w.epoch into v_epoch from lamplighter.waiting as w where w.is_waiting;
  if found and pg_notification_queue_usage() < 0.9 then
    perform pg_notify('lamplighter_wake', v_epoch::text);
  end if;
end
$$;
