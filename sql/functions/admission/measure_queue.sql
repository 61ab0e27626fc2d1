-- lamplighter.measure_queue (worker)
-- Counts the pending requests when their bound has come near the limit, so that enqueuers need not, and those of them who can keep no
-- count least of all.
create or replace function lamplighter.measure_queue() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_limit constant bigint := lamplighter.effective_setting('max_queue_size');
begin
  if v_limit > 0 and lamplighter.read_pending_bound() not between 0 and v_limit / 2 then
    perform set_config('synchronous_commit', 'off', true);
    perform lamplighter.measure_pending(v_limit);
  end if;
end
$$;
