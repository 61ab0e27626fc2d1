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
  v_end record;
  v_open uuid[] := request_ids;
  v_own uuid;
  v_reason text;
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
  select q.request_id into v_own
  from public.steadytext_queue as q
  where pg_current_xact_id_if_assigned() is not null
    and q.request_id = any (request_ids) and q.status in ('pending', 'processing') and lamplighter.is_own_write(q.xmin)
  limit 1;
  if found then
    raise exception 'Request % was queued by this transaction, which has not committed: no worker can see it yet', v_own
      using errcode = '55000', hint = 'Commit before you wait.';
  end if;
  select * into v_end from lamplighter.find_wait_end(v_timeout_seconds);
  loop
    v_open := array(
      select q.request_id
      from public.steadytext_queue as q
      where q.request_id = any (v_open) and q.status in ('pending', 'processing'));
    exit when cardinality(v_open) = 0;
    if clock_timestamp() >= v_end.ends_at then
      select lamplighter.explain_wait(q.function_name, q.model, q.error) into v_reason
      from public.steadytext_queue as q
      where q.request_id = v_open[1];
      raise notice '% of % requests have not ended', cardinality(v_open), cardinality(request_ids)
        using hint = concat_ws(' ', coalesce(v_reason, 'They go on; wait again.'),
          'The wait was cut short by ' || v_end.limit_name || ' (' || v_end.limit_ms || ' ms).');
      exit;
    end if;
    perform pg_sleep(greatest(0.0005, least(v_pause_s, extract(epoch from v_end.ends_at - clock_timestamp()))));
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
