-- lamplighter.count_holders (caller)
-- How many requests, whosever, have that id or that request_id: no more than a failing insert tells. Null when the id is not the one
-- that the session was issued last: one that is still to be issued would make another role's insert fail.
create or replace function lamplighter.count_holders(p_id bigint, p_request_id uuid) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off as $$
begin
  if p_id <> currval('public.steadytext_queue_id_seq') then
    return null;
  end if;
  -- Hardly ever: two looks cost less than two counts.
  if not exists (select 1 from public.steadytext_queue as q where q.id = p_id)
     and not exists (select 1 from public.steadytext_queue as q where q.request_id = p_request_id) then
    return 0;
  end if;
  return (select count(*) from public.steadytext_queue as q where q.id = p_id)
       + (select count(*) from public.steadytext_queue as q where q.request_id = p_request_id and q.id <> p_id);
exception when object_not_in_prerequisite_state then
  return null;
end
$$;
