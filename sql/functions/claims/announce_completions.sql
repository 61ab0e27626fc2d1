-- lamplighter.announce_completions (worker)
-- Announces completions that were recorded without an event, in a transaction that does not wait for the disk. None while the server's notification
-- queue is half full: events are hints, and a full queue would fail every transaction of the server that notifies. What is not announced
-- is counted, and so are the p_given_up that the worker has given up.
create or replace function lamplighter.announce_completions(
  p_worker_id uuid,
  p_request_ids uuid[],
  p_function_names text[],
  p_statuses text[],
  p_given_up bigint
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_dropped bigint := p_given_up;
begin
  perform set_config('synchronous_commit', 'off', true);
  if pg_notification_queue_usage() < 0.5 then
    perform pg_notify('steadytext_completed', lamplighter.announce_payload(e.request_id, e.function_name, e.status))
    from unnest(p_request_ids, p_function_names, p_statuses) as e (request_id, function_name, status);
  else
    v_dropped := v_dropped + cardinality(p_request_ids);
  end if;
  if v_dropped > 0 then
    update lamplighter.worker as w
    set events_dropped = w.events_dropped + v_dropped
    where w.worker_id = p_worker_id;
  end if;
end
$$;
