-- lamplighter.list_waits (caller)
-- How many requests wait in each function and model, and for what: 'ready' for their turn, 'retry' for the end of a pause after a
-- failure, 'quarantined' to be run apart because workers died with them, or what explain_lane says. Of the current role, for the owner of
-- all. Reads the same however many there are: is_exact is false where more wait than were counted. error is one that they had last, if
-- the caller sees its request. In a SECURITY DEFINER function of a role that the session's login is no member of it raises 42501: counting
-- within a bound takes the rights of the schema's owner, and what runs with these cannot tell who called it. A name that is passed to it proves
-- nothing, and any login could ask for the figures of any role. steadytext_queue_stats() reads as the caller, and works there.
create or replace function lamplighter.list_waits()
returns table (function_name text, model text, reason text, requests bigint, is_exact boolean, error text)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select w.function_name, w.model, w.reason, w.requests, w.is_exact,
         (select left(q.error, 500) from public.steadytext_queue as q where q.id = w.failed_id)
  from lamplighter.read_waits(current_user) as w
$$;
