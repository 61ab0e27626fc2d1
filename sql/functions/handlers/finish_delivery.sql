-- lamplighter.finish_delivery (caller)
-- Notes in the transaction of the call how it went, by the session of the task only. A failure waits 1, 2, 4 and 8 s for the next attempt;
-- the fifth is final. What the call has queued, with ids above p_after_id, is one call deeper: see record_delivery.
create or replace function lamplighter.finish_delivery(p_delivery_id bigint, p_error text, p_after_id bigint default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  v_depth integer;
begin
  if p_error is null then
    delete from lamplighter.delivery as d
    where d.delivery_id = p_delivery_id and lamplighter.is_delivery_session(d.run_id)
    returning d.depth into v_depth;
    if v_depth is not null and p_after_id is not null then
      insert into lamplighter.handler_chain (request_id, depth)
      select q.request_id, v_depth + 1
      from public.steadytext_queue as q
      where q.id > p_after_id and q.status = 'pending' and q.username = session_user::text collate "C" and lamplighter.is_own_write(q.xmin)
      on conflict (request_id) do nothing;
    end if;
    return;
  end if;
  perform lamplighter.fail_delivery(d.delivery_id, p_error)
  from lamplighter.delivery as d
  where d.delivery_id = p_delivery_id and lamplighter.is_delivery_session(d.run_id);
end
$$;
