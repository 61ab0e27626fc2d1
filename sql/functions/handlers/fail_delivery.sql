-- lamplighter.fail_delivery (internal)
-- Charges a call with a failure.
create or replace function lamplighter.fail_delivery(p_delivery_id bigint, p_error text) returns void
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update lamplighter.delivery as d
  set attempts = d.attempts + 1,
      error = left(p_error, 10000),
      run_id = null,
      -- The last is due at once: retry_delivery waits for nothing.
      due_at = clock_timestamp() + case when d.attempts + 1 >= 5 then interval '0' else make_interval(secs => 2 ^ d.attempts) end,
      failed_at = case when d.attempts + 1 >= 5 then clock_timestamp() end
  where d.delivery_id = p_delivery_id
$$;
