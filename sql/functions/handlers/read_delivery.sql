-- lamplighter.read_delivery (caller)
-- What to call for a delivery of the task that this session runs, and with which event; null for any other. after_id: below the ids of
-- the requests that the call will queue, for finish_delivery.
create or replace function lamplighter.read_delivery(p_delivery_id bigint, out payload text, out call text, out after_id bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
  select lamplighter.announce_payload(d.request_id, d.function_name, d.status),
         format('select %I.%I(%s)', h.function_schema, h.function_identity, case when h.takes_payload then '$1::pg_catalog.jsonb' else '' end),
         (select s.last_value from public.steadytext_queue_id_seq as s)
  from lamplighter.delivery as d
  join lamplighter.handler as h on h.handler_id = d.handler_id
  where d.delivery_id = p_delivery_id and not h.is_dropped and lamplighter.is_delivery_session(d.run_id)
$$;
