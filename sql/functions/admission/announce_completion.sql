-- lamplighter.announce_completion (internal)
-- Announces the end of a request to whoever listens, and to handlers. False when the server's notification queue is half full: events are
-- hints, and a full queue would fail every transaction of the server that notifies.
create or replace function lamplighter.announce_completion(p_request_id uuid, p_function_name text, p_status text) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.record_delivery(p_request_id, p_function_name, p_status);
  if pg_notification_queue_usage() >= 0.5 then
    return false;
  end if;
  perform pg_notify('steadytext_completed', lamplighter.announce_payload(p_request_id, p_function_name, p_status));
  return true;
end
$$;
