-- lamplighter.run_deliveries (caller)
-- The text of a task that calls a handler: each call behind a savepoint of its own, so that one that fails takes nothing of the others
-- with it. Without a pinned search_path, as the handler runs along the one of its registration; every name in it is qualified, and there
-- is no operator.
create or replace function lamplighter.run_deliveries(p_ids bigint[]) returns void
language plpgsql volatile security invoker as $$
declare
  v_id bigint;
  v_payload text;
  v_call text;
  v_after_id bigint;
begin
  foreach v_id in array p_ids loop
    begin
      select d.payload, d.call, d.after_id into v_payload, v_call, v_after_id from lamplighter.read_delivery(v_id) as d;
      continue when v_call is null;
      perform pg_catalog.set_config('steadytext.notify_payload', v_payload, true);
      execute v_call using v_payload;
      perform lamplighter.finish_delivery(v_id, null, v_after_id);
    exception when others then
      perform lamplighter.finish_delivery(v_id, sqlerrm);
    end;
  end loop;
end
$$;
