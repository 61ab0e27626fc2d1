-- 0009_waiting_for_results (schema version 1): steadytext_get_async_result, also in the transaction that queued the request.
--
-- No worker can see a row that its caller has not committed. Where a loopback DSN is set, the request is then queued a second
-- time through dblink, in a transaction of its own: the autonomous row, with the caller's name, and the caller's request_id
-- as its batch_id. The caller waits for that one and its own row takes over the outcome. While it waits it holds an advisory
-- lock; when the lock is gone and the autonomous row has not ended, a worker cancels it.

create table lamplighter.loopback (
  is_singleton boolean not null default true,
  dsn text not null,
  constraint loopback_pkey primary key (is_singleton),
  constraint loopback_is_singleton check (is_singleton)
);
comment on table lamplighter.loopback is 'How dblink reaches this database again. May hold a password: readable by the owner only.';
-- Without a policy nobody else reads it, not even who may read all data (pg_read_all_data), as logins for backups may.
alter table lamplighter.loopback enable row level security;

create table lamplighter.autonomous_request (
  request_id uuid not null,
  origin_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint autonomous_request_pkey primary key (request_id)
);
comment on table lamplighter.autonomous_request is 'Autonomous rows whose caller may still be waiting.';

-- The advisory lock that the caller of an autonomous row holds while it waits.
create function lamplighter.autonomous_lock_key(p_request_id uuid) returns bigint
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select ('x' || left(replace(p_request_id::text, '-', ''), 16))::bit(64)::bigint
$$;

-- Run through the loopback connection, by its role. A caller that holds a lock on the queue would wait for itself, which no
-- deadlock detection sees.
create function lamplighter.enqueue_autonomous(
  p_request_id uuid,
  p_origin_id uuid,
  p_username text,
  p_function_name text,
  p_parameters jsonb,
  p_priority integer,
  p_model text
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
  insert into lamplighter.autonomous_request (request_id, origin_id) values (p_request_id, p_origin_id);
  insert into public.steadytext_queue (request_id, batch_id, username, function_name, parameters, priority, model)
  values (p_request_id, p_origin_id, p_username, p_function_name, p_parameters, p_priority, p_model);
  return p_request_id;
end
$$;

-- True when the row was last written by the transaction that asks, so that nobody else can see it yet.
create function lamplighter.is_own_write(p_xmin xid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_current bigint := pg_current_xact_id_if_assigned()::text::bigint;
  v_writer bigint;
begin
  if v_current is null then
    return false;
  end if;
  -- The 64-bit id nearest to ours with these low 32 bits: a subtransaction's is above ours.
  v_writer := v_current + ((p_xmin::text::bigint - v_current) << 32 >> 32);
  if v_writer < pg_snapshot_xmin(pg_current_snapshot())::text::bigint then
    return false;
  end if;
  return pg_xact_status(v_writer::text::xid8) = 'in progress';
end
$$;

-- Queues a copy of the calling transaction's own uncommitted request outside of it, and returns the copy's request_id.
-- Whose request it is, is read from the row: after SET ROLE a definer function cannot tell who called.
create function lamplighter.send_autonomous(p_origin_id uuid) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_origin public.steadytext_queue;
  v_xmin xid;
  v_dblink_schema name;
  v_has_dsn constant boolean := exists (select 1 from lamplighter.loopback);
  v_request_id uuid := gen_random_uuid();
  v_sent uuid;
begin
  select q.* into v_origin from public.steadytext_queue as q where q.request_id = p_origin_id;
  select q.xmin into v_xmin from public.steadytext_queue as q where q.request_id = p_origin_id;
  if v_xmin is null or not lamplighter.is_own_write(v_xmin) or v_origin.status <> 'pending' then
    raise exception 'Request % was not queued by this transaction', p_origin_id using errcode = '55000';
  end if;
  select n.nspname into v_dblink_schema
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'dblink';
  if not v_has_dsn or v_dblink_schema is null then
    raise exception 'Request % was queued by this transaction, which has not committed: no worker can see it yet', p_origin_id
      using errcode = '55000',
      detail = case when not v_has_dsn then 'No loopback connection is set.' else 'The extension dblink is not installed.' end,
      hint = 'Commit before you wait. To queue and wait in one transaction, CREATE EXTENSION dblink and let the schema owner '
             || 'run: lamplighter migrate --loopback DSN.';
  end if;
  perform pg_advisory_xact_lock(lamplighter.autonomous_lock_key(v_request_id));
  -- The DSN goes from its row to dblink and never through a variable: those are constants in the plan, and any caller may have
  -- the plans of its session sent to it (debug_print_plan, client_min_messages).
  begin
    execute format(
      'select t.request_id from lamplighter.loopback as l cross join lateral %I.dblink(l.dsn, $1) as t (request_id uuid)',
      v_dblink_schema)
    into v_sent
    using format(
      'select lamplighter.enqueue_autonomous(%L, %L, %L, %L, %L, %L, %L)',
      v_request_id, v_origin.request_id, v_origin.username, v_origin.function_name, v_origin.parameters, v_origin.priority,
      v_origin.model);
  exception
    when configuration_limit_exceeded then
      raise;
    when others then
      raise exception 'The loopback connection failed: %', sqlerrm using errcode = '55000',
        hint = 'Commit before you wait, or let the schema owner set a DSN that works: lamplighter migrate --loopback DSN.';
  end;
  return v_sent;
end
$$;

-- Copies the answer of an autonomous row to the calling transaction's own row. A failure cannot be copied: the error that tells
-- of it takes back all that was written since the block that catches it began.
create function lamplighter.adopt_autonomous(p_origin_id uuid, p_request_id uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with adopted as (
    update public.steadytext_queue as origin
    set status = done.status,
        result = done.result,
        started_at = done.started_at,
        completed_at = done.completed_at,
        retry_count = done.retry_count,
        worker_id = done.worker_id,
        attempt = done.attempt
    from public.steadytext_queue as done
    where origin.request_id = p_origin_id
      and origin.status = 'pending'
      and lamplighter.is_own_write(origin.xmin)
      and done.request_id = p_request_id
      and done.batch_id = p_origin_id
      and done.username = origin.username
      and done.function_name = origin.function_name
      and done.parameters = origin.parameters
      and done.model = origin.model
      and done.status = 'completed'
    returning origin.request_id, origin.function_name, origin.status
  )
  select lamplighter.announce_end(a.request_id, a.function_name, a.status)
  from adopted as a
$$;

-- Cancels autonomous rows that nobody waits for any more, and forgets those that have ended; how many are left.
create function lamplighter.cancel_abandoned() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
declare
  v_left bigint;
begin
  if not exists (select 1 from lamplighter.autonomous_request) then
    return 0;
  end if;
  with held as materialized (
    select (l.classid::bigint << 32) | l.objid::bigint as lock_key
    from pg_locks as l
    where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
  ), abandoned as materialized (
    select q.id
    from lamplighter.autonomous_request as a
    join public.steadytext_queue as q on q.request_id = a.request_id
    where q.status in ('pending', 'processing')
      and lamplighter.autonomous_lock_key(a.request_id) not in (select h.lock_key from held as h)
    order by q.id
    for no key update of q skip locked
  )
  update public.steadytext_queue as q
  set status = 'cancelled',
      error = 'The transaction that waited for this request has ended'
  from abandoned
  where q.id = abandoned.id;
  delete from lamplighter.autonomous_request as a
  where not exists (
    select 1 from public.steadytext_queue as q where q.request_id = a.request_id and q.status in ('pending', 'processing'));
  select count(*) into v_left from lamplighter.autonomous_request;
  return v_left;
end
$$;

-- What keeps requests of a function and model from being answered: 'paused', 'not served', or 'model unavailable' where that is so for
-- every worker that serves them; no row when something may answer. What the model says is for the owner: it may quote a request.
create function lamplighter.explain_lane(p_function_name text, p_model text)
returns table (reason text, model text, since timestamptz)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with serving as materialized (
    select trouble.model, w.last_heartbeat - trouble.for_ms / 1000 * interval '1 second' as since
    from lamplighter.worker as w
    left join lateral (
      select t.model, t.for_ms
      from jsonb_to_recordset(w.troubles) as t (model text, lanes jsonb, for_ms double precision)
      where t.lanes ? (p_function_name || ':' || p_model)
      limit 1
    ) as trouble on true
    where w.status in ('running', 'sleeping')
      and w.last_heartbeat > clock_timestamp() - make_interval(secs => w.lease_ms / 1000.0)
      and p_function_name || ':' || p_model = any (w.lanes)
  )
  select o.reason, o.model, o.since
  from (
    select 1, 'paused', null, p.paused_at from lamplighter.paused_function as p where p.function_name = p_function_name
    union all
    select 2, 'not served', null, null where not exists (select from serving)
    union all
    select 3, 'model unavailable', max(s.model), min(s.since) from serving as s having count(*) = count(s.model)
  ) as o (position, reason, model, since)
  order by o.position
  limit 1
$$;

-- Why nothing answers a request at present; null when something may. p_error is what the row says of the last attempt.
create function lamplighter.explain_wait(p_function_name text, p_model text, p_error text default null) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_lane record;
begin
  select l.reason, l.model, l.since into v_lane from lamplighter.explain_lane(p_function_name, p_model) as l;
  return case
    when v_lane.reason = 'paused' then
      format('The function %s is paused; the schema owner can run: SELECT steadytext_resume(%L).', p_function_name, p_function_name)
    when v_lane.reason = 'not served' then
      format('No running worker serves %s%s; start one with: lamplighter worker.', p_function_name,
        case when p_model = 'default' then '' else format(' with model "%s"', p_model) end)
    when v_lane.reason = 'model unavailable' then
      format('The model "%s" has been unavailable since %s%s. The request is tried again by itself.', v_lane.model,
        to_char(v_lane.since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), coalesce(': ' || p_error, ''))
    when p_error is not null then format('The last attempt failed, and another one follows: %s', p_error)
  end;
end
$$;

-- How many requests wait in each function and model, and for what: 'ready' for their turn, 'retry' for the end of a pause after a
-- failure, 'quarantined' to be run apart because workers died with them, or what explain_lane says. error is one that they had last.
create function lamplighter.list_waits()
returns table (function_name text, model text, reason text, requests bigint, error text)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with waiting as materialized (
    select q.function_name, q.model,
           case when q.run_at is null then 'ready' when q.run_at < '9000-01-01 00:00+00' then 'retry' else 'quarantined' end as reason,
           count(*) as requests, max(left(q.error, 500)) as error
    from public.steadytext_queue as q
    where q.status = 'pending'
    group by 1, 2, 3
  )
  select w.function_name, w.model, coalesce(lane.reason, w.reason), sum(w.requests)::bigint, max(w.error)
  from waiting as w
  left join lateral lamplighter.explain_lane(w.function_name, w.model) as lane on true
  group by 1, 2, 3
  order by 1, 2, 3
$$;

create function public.steadytext_get_async_result(request_id uuid, timeout_seconds integer default 30, out result text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_timeout_seconds constant integer := coalesce(timeout_seconds, 30);
  v_deadline timestamptz := clock_timestamp() + make_interval(secs => v_timeout_seconds);
  -- Reading pg_settings takes a millisecond.
  v_statement_timeout_ms constant bigint := case when current_setting('statement_timeout') <> '0' then
    (select s.setting::bigint from pg_settings as s where s.name = 'statement_timeout') else 0 end;
  v_cut_at timestamptz;
  v_is_cut boolean := false;
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
  if v_statement_timeout_ms > 0 then
    v_cut_at := statement_timestamp()
      + make_interval(secs => (v_statement_timeout_ms - least(100, v_statement_timeout_ms / 5)) / 1000.0);
    if v_cut_at < v_deadline then
      v_deadline := v_cut_at;
      v_is_cut := true;
    end if;
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
    if v_target = request_id and lamplighter.is_own_write(v_xmin) then
      v_target := lamplighter.send_autonomous(request_id);
    end if;
    if clock_timestamp() >= v_deadline then
      v_hint := coalesce(lamplighter.explain_wait(v_function_name, v_model, v_error),
        case when v_is_cut then format(
          'The wait was cut short by statement_timeout (%s ms); raise it, e.g. SET statement_timeout = ''%ss''.',
          v_statement_timeout_ms, least(v_timeout_seconds::bigint + 5, 2147483)) end,
        case when v_target = request_id then 'The request goes on; wait again, or cancel it with steadytext_cancel_async.' end);
      if v_target <> request_id then
        v_hint := concat_ws(' ', v_hint, 'Unless you catch this error the request ends with it, as the transaction that queued it is '
          || 'rolled back. Wait longer, or commit before you wait.');
      end if;
      if v_is_cut and position('statement_timeout' in v_hint) = 0 then
        v_hint := v_hint || format(' The wait was cut short by statement_timeout (%s ms).', v_statement_timeout_ms);
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
  'Waits for a request of yours and returns its result; an error when it failed, was cancelled or has not ended in time. request_id: what an async function returned. timeout_seconds: the longest wait; NULL means 30.';
