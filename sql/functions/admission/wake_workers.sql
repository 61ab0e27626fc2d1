-- lamplighter.wake_workers (internal)
-- Sends the private wake-up for a topic (payload topic:epoch) if a process asked for one, unless the server's notification queue is all
-- but full: a commit that no longer fits fails, and workers scan of their own accord as well.
create or replace function lamplighter.wake_workers(p_topic text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_epoch bigint;
begin
  select w.epoch into v_epoch from lamplighter.waiting as w where w.topic = p_topic and w.is_waiting;
  if found and pg_notification_queue_usage() < 0.9 then
    perform pg_notify('lamplighter_wake', p_topic || ':' || v_epoch::text);
  end if;
end
$$;
