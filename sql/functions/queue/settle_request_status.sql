-- lamplighter.settle_request_status (internal)
-- What follows from a status that was set by hand: who cancels ends the lease, who retries starts afresh, and what the owner
-- marks as in flight or completed is out of the queue.
create or replace function lamplighter.settle_request_status() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if new.status = 'pending' then
    new.worker_id := null;
    new.run_at := null;
    if old.status <> 'processing' then
      new.started_at := null;
      new.completed_at := null;
      new.failed_at := null;
      new.result := null;
      new.error := null;
      if new.retry_count = old.retry_count then
        new.retry_count := 0;
      end if;
    end if;
    return new;
  end if;
  new.run_at := '9000-01-01 00:00+00';
  if new.status = 'cancelled' then
    new.worker_id := null;
    new.completed_at := clock_timestamp();
  elsif new.status = 'processing' then
    perform lamplighter.record_stray(new.worker_id, new.id);
  end if;
  return new;
end
$$;

-- A worker that gives a request back takes its own id off it; one that claims or ends it sees to run_at itself.
create or replace trigger settle_status before update on public.steadytext_queue
  for each row
  when (new.status <> old.status
        and case new.status
              when 'pending' then old.status <> 'processing' or new.worker_id is not distinct from old.worker_id
              when 'cancelled' then true
              else new.run_at is distinct from '9000-01-01 00:00+00'
            end)
  execute function lamplighter.settle_request_status();
