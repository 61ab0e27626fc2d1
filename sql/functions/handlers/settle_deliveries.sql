-- lamplighter.settle_deliveries (internal)
-- Settles the calls of a handler whose task has ended. Calls that it did not note are due again: it failed as a whole, as at its commit or at its time
-- limit, and which of them is to blame nobody knows, so that they are made one by one. One that was alone is charged.
create or replace function lamplighter.settle_deliveries(p_run_id bigint, p_handler_id bigint, p_status text, p_error_message text)
returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_ids bigint[];
begin
  v_ids := array(select d.delivery_id from lamplighter.delivery as d where d.run_id = p_run_id order by d.delivery_id for no key update);
  if p_status <> 'succeeded' and cardinality(v_ids) = 1 then
    perform lamplighter.fail_delivery(v_ids[1], coalesce(p_error_message, p_status));
  else
    update lamplighter.delivery as d set run_id = null where d.delivery_id = any (v_ids);
  end if;
  update lamplighter.handler as h
  set batch_size = case when p_status = 'succeeded' then least(h.batch_size * 2, 100) else 1 end
  where h.handler_id = any (array(
    -- Its role may have it locked, and nobody waits for that.
    select o.handler_id from lamplighter.handler as o where o.handler_id = p_handler_id for no key update skip locked));
end
$$;
