-- public.steadytext_get_async_result (caller)
create or replace function public.steadytext_get_async_result(request_id uuid, timeout_seconds integer default 30, out result text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_timeout_seconds constant integer := coalesce(timeout_seconds, 30);
  v_deadline timestamptz;
  v_limit_name text;
  v_limit_ms bigint;
  v_cut text;
  v_target uuid := request_id;
  v_function_name text;
  v_model text;
  v_status text;
  v_result text;
  v_error text;
  v_xmin xid;
  v_pause_s double precision := 0.001;
  v_hint text;
begin
  if v_timeout_seconds < 0 then
    raise exception 'Timeout cannot be negative' using errcode = '22023';
  end if;
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'steadytext_get_async_result works under READ COMMITTED only, this transaction is %',
      upper(current_setting('transaction_isolation')) using errcode = '0A000',
      hint = 'A transaction with one snapshot never sees the result. Wait in a READ COMMITTED transaction.';
  end if;
  loop
    select q.function_name, q.model, q.status, q.result, q.error, q.xmin
    into v_function_name, v_model, v_status, v_result, v_error, v_xmin
    from public.steadytext_queue as q
    where q.request_id = v_target;
    if not found then
      raise exception 'Request ID % not found', request_id;
    end if;
    exit when v_status in ('completed', 'failed', 'cancelled');
    if v_deadline is null then
      select e.ends_at, e.limit_name, e.limit_ms into v_deadline, v_limit_name, v_limit_ms
      from lamplighter.find_wait_end(v_timeout_seconds) as e;
    end if;
    if v_target = request_id and lamplighter.is_own_write(v_xmin) then
      v_target := lamplighter.send_autonomous(request_id);
    end if;
    if clock_timestamp() >= v_deadline then
      v_cut := 'The wait was cut short by ' || v_limit_name || ' (' || v_limit_ms || ' ms)';
      v_hint := coalesce(lamplighter.explain_wait(v_function_name, v_model, v_error),
        v_cut || format('; raise it, e.g. SET %s = ''%ss''.', v_limit_name, least(v_timeout_seconds::bigint + 5, 2147483)),
        case when v_target = request_id then 'The request goes on; wait again, or cancel it with steadytext_cancel_async.' end);
      if v_target <> request_id then
        v_hint := concat_ws(' ', v_hint, 'Unless you catch this error the request ends with it, as the transaction that queued it is '
          || 'rolled back. Wait longer, or commit before you wait.');
      end if;
      if position(v_cut in v_hint) = 0 then
        v_hint := v_hint || ' ' || v_cut || '.';
      end if;
      raise exception 'Timeout waiting for async result (% seconds)', v_timeout_seconds using hint = v_hint;
    end if;
    perform pg_sleep(greatest(0.0005, least(v_pause_s, extract(epoch from v_deadline - clock_timestamp()))));
    -- 8 ms at most: a primary key look-up takes some 20 us, so that a waiter costs a quarter of a percent of a core.
    v_pause_s := least(v_pause_s * 1.3, 0.008);
  end loop;
  if v_status = 'failed' then
    raise exception 'Async request failed: %', v_error;
  end if;
  if v_status = 'cancelled' then
    raise exception 'Async request was cancelled';
  end if;
  if v_target <> request_id then
    perform lamplighter.adopt_autonomous(request_id, v_target);
  end if;
  result := v_result;
end
$$;

comment on function public.steadytext_get_async_result(uuid, integer) is
  'Waits for a request of yours and returns its result; raises an error if it failed, was cancelled or has not ended in time. request_id: what an async function returned. timeout_seconds: the longest wait; NULL means 30.';
