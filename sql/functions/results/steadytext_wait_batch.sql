-- public.steadytext_wait_batch (caller)
create or replace function public.steadytext_wait_batch(request_ids uuid[], timeout_seconds integer default 30)
returns table (
  request_id uuid,
  status text,
  result text,
  error text
)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_timeout_seconds constant integer := coalesce(timeout_seconds, 30);
  v_deadline timestamptz := clock_timestamp() + make_interval(secs => v_timeout_seconds);
  -- Reading pg_settings takes a millisecond.
  v_statement_timeout_ms constant bigint := case when current_setting('statement_timeout') <> '0' then
    (select s.setting::bigint from pg_settings as s where s.name = 'statement_timeout') else 0 end;
  v_open uuid[] := request_ids;
  v_first record;
  v_pause_s double precision := 0.001;
begin
  if v_timeout_seconds < 0 then
    raise exception 'Timeout cannot be negative' using errcode = '22023';
  end if;
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'steadytext_wait_batch works under READ COMMITTED only, this transaction is %',
      upper(current_setting('transaction_isolation')) using errcode = '0A000',
      hint = 'A transaction with one snapshot never sees the results. Wait in a READ COMMITTED transaction.';
  end if;
  if v_statement_timeout_ms > 0 then
    v_deadline := least(v_deadline, statement_timestamp()
      + make_interval(secs => (v_statement_timeout_ms - least(100, v_statement_timeout_ms / 5)) / 1000.0));
  end if;
  loop
    v_open := array(
      select q.request_id
      from public.steadytext_queue as q
      where q.request_id = any (v_open) and q.status in ('pending', 'processing'));
    exit when cardinality(v_open) = 0;
    select q.function_name, q.model, q.error, q.xmin, q.request_id into v_first
    from public.steadytext_queue as q
    where q.request_id = v_open[1];
    if lamplighter.is_own_write(v_first.xmin) then
      raise exception 'Request % was queued by this transaction, which has not committed: no worker can see it yet', v_first.request_id
        using errcode = '55000', hint = 'Commit before you wait.';
    end if;
    if clock_timestamp() >= v_deadline then
      raise notice '% of % requests have not ended', cardinality(v_open), cardinality(request_ids)
        using hint = coalesce(lamplighter.explain_wait(v_first.function_name, v_first.model, v_first.error), 'They go on; wait again.');
      exit;
    end if;
    perform pg_sleep(greatest(0.0005, least(v_pause_s, extract(epoch from v_deadline - clock_timestamp()))));
    -- A look-up takes some 20 us for each request that is open: a waiter costs a quarter of a core at most while it waits for many.
    v_pause_s := least(v_pause_s * 1.3, greatest(0.008, cardinality(v_open) * 0.00006));
  end loop;
  return query
    select q.request_id, q.status, q.result, q.error
    from unnest(request_ids) with ordinality as asked (request_id, position)
    join public.steadytext_queue as q on q.request_id = asked.request_id
    order by asked.position;
end
$$;

comment on function public.steadytext_wait_batch(uuid[], integer) is
  'Waits for several requests of yours and returns them in the order asked; at the deadline unfinished ones come with their present status; unknown ids give no row. request_ids: what async functions returned. timeout_seconds: the longest wait; NULL means 30.';
