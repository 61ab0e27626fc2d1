-- lamplighter.finish_delivery (caller)
-- Notes in the transaction of the call how it went, by the session of the task only. A failure waits 1, 2, 4 and 8 s for the next attempt;
-- the fifth is final.
create or replace function lamplighter.finish_delivery(p_delivery_id bigint, p_error text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
  if p_error is null then
    delete from lamplighter.delivery as d where d.delivery_id = p_delivery_id and lamplighter.is_delivery_session(d.run_id);
    return;
  end if;
  perform lamplighter.fail_delivery(d.delivery_id, p_error)
  from lamplighter.delivery as d
  where d.delivery_id = p_delivery_id and lamplighter.is_delivery_session(d.run_id);
end
$$;
