-- lamplighter.announce_payload (internal)
-- The payload of steadytext_completed. Without a pinned search_path, so that it is inlined; its names are bound when it is made.
create or replace function lamplighter.announce_payload(p_request_id uuid, p_function_name text, p_status text) returns text
language sql stable security invoker
return '{"request_id": "' || p_request_id::text || '", "function": "' || p_function_name || '", "status": "' || p_status || '"}';
