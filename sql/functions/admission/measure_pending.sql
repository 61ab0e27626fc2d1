-- lamplighter.measure_pending (internal)
-- Counts the pending requests as far as p_limit, and keeps the count, for the bound of all who come after. A transaction that sees the
-- queue as it was when it began keeps nothing: it does not see what has become pending since.
create or replace function lamplighter.measure_pending(p_limit bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_issued bigint;
  v_pending bigint;
  v_bound bigint;
begin
  select s.last_value into v_issued from public.steadytext_queue_id_seq as s;
  v_pending := lamplighter.count_pending(p_limit + 1);
  v_bound := lamplighter.read_pending_bound();
  if v_pending <= p_limit and (v_pending < v_bound or v_bound < 0) and current_setting('transaction_isolation') = 'read committed' then
    perform setval('lamplighter.pending_base', v_issued - v_pending);
  end if;
  return v_pending;
end
$$;
