-- lamplighter.announce_status (internal)
-- Announces a status that was set by hand: tells callers and the worker of a cancelled request, and notes it for the figures, which takes
-- some 5 us; wakes workers for one that is ready again.
create or replace function lamplighter.announce_status() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.status = 'cancelled' then
    insert into lamplighter.metric_cancel (function_name, model, queued_at)
    values (new.function_name, new.model, case when old.attempt = 0 then new.created_at end);
    perform lamplighter.announce_completion(new.request_id, new.function_name, new.status);
    if old.status = 'processing' and pg_notification_queue_usage() < 0.9 then
      perform pg_notify('lamplighter_cancel', new.request_id::text);
    end if;
  else
    -- One id is skipped, so that the bound on pending requests counts this one.
    perform nextval('public.steadytext_queue_id_seq');
    perform lamplighter.wake_workers('requests');
  end if;
  return null;
end
$$;

create or replace trigger announce_status after update on public.steadytext_queue
  for each row
  when (new.status <> old.status and (new.status = 'cancelled' or (new.status = 'pending' and new.run_at is null)))
  execute function lamplighter.announce_status();
