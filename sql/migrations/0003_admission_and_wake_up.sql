-- 0003_admission_and_wake_up (schema version 1): the limit on pending requests, the wake-up of idle workers, and events.

-- The last count of pending requests: the number of the last id that was issued then, less the count. What has been issued since is at
-- most what has become pending, so that the distance of this number from the id issued last bounds the present number.
-- A sequence, as whoever counts can set it at once, whatever becomes of the transaction, and nobody waits for anybody. A count that is
-- older than the one it replaces gives a higher bound, never a wrong one.
create sequence lamplighter.pending_base minvalue -9223372036854775807 start with 0;

create table lamplighter.waiting (
  is_singleton boolean not null default true,
  is_waiting boolean not null default false,
  epoch bigint not null default 0,
  constraint waiting_pkey primary key (is_singleton),
  constraint waiting_is_singleton check (is_singleton)
) with (fillfactor = 10);
comment on table lamplighter.waiting is
  'True while an idle worker wants a notification for the next request. A hint: workers also poll, and an absent row is fine.';
comment on column lamplighter.waiting.epoch is
  'Counts the requests for a wake-up, and is sent with it: who takes the flag down for one epoch cannot take down a later one.';

-- Counts pending requests, up to p_limit of each kind, on the partial indexes; the few that are rescued are not among them.
create function lamplighter.count_pending(p_limit bigint) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set row_security = off as $$
  select (select count(*)
          from (select 1 from public.steadytext_queue where run_at is null limit p_limit) as ready)
       + (select count(*)
          from (select 1 from public.steadytext_queue where run_at < '9000-01-01 00:00+00' limit p_limit) as delayed)
$$;

-- At most so many requests are pending, without counting. Negative when ids are issued anew, so that nothing is known.
create function lamplighter.read_pending_bound() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select issued.last_value - base.last_value
  from public.steadytext_queue_id_seq as issued
  cross join lamplighter.pending_base as base
$$;

-- Counts the pending requests as far as p_limit, and keeps the count, for the bound of all who come after. A transaction that sees the
-- queue as it was when it began keeps nothing: it does not see what has become pending since.
create function lamplighter.measure_pending(p_limit bigint) returns bigint
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

-- Counts the pending requests when their bound has come near the limit, so that enqueuers need not, and those of them who can keep no
-- count least of all.
create function lamplighter.measure_queue() returns void
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

-- Fires once an INSERT statement. The bound costs no count; only where it has passed the limit is counted, as far as the limit.
create function lamplighter.admit_and_wake() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_limit constant bigint := lamplighter.effective_setting('max_queue_size');
begin
  if v_limit > 0 and lamplighter.read_pending_bound() not between 0 and v_limit and lamplighter.measure_pending(v_limit) > v_limit then
    raise exception 'Queue is full: at most % requests may be pending', v_limit using errcode = '53400',
      hint = 'Wait until workers have caught up, start more of them, or let the schema owner raise the limit: '
             || 'SELECT lamplighter.set(''max_queue_size'', ''50000'').';
  end if;
  perform lamplighter.wake_workers();
  return null;
end
$$;

-- Sends the private wake-up if a worker asked for one, unless the server's notification queue is all but full: a commit that no
-- longer fits fails, and workers look of their own accord as well. The same goes for the cancel below.
create function lamplighter.wake_workers() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_epoch bigint;
begin
  select w.epoch into v_epoch from lamplighter.waiting as w where w.is_waiting;
  if found and pg_notification_queue_usage() < 0.9 then
    perform pg_notify('lamplighter_wake', v_epoch::text);
  end if;
end
$$;

-- A worker asks for a wake-up before it waits, and then looks once more: an enqueuer about to commit may have missed it.
create function lamplighter.request_wake_up() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into lamplighter.waiting as w (is_waiting, epoch) values (true, 1)
  on conflict (is_singleton) do update set is_waiting = true, epoch = w.epoch + 1;
end
$$;

-- A worker that was woken takes the flag down, unless another one has asked again since.
create function lamplighter.confirm_wake_up(p_epoch bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update lamplighter.waiting as w set is_waiting = false where w.is_waiting and w.epoch = p_epoch;
end
$$;

-- The payload of steadytext_completed. Without a pinned search_path, so that it is inlined; its names are bound when it is made.
create function lamplighter.announce_payload(p_request_id uuid, p_function_name text, p_status text) returns text
language sql stable security invoker
return '{"request_id": "' || p_request_id::text || '", "function": "' || p_function_name || '", "status": "' || p_status || '"}';

-- Announces the end of a request to whoever listens. False when the server's notification queue is half full: events are
-- hints, and a full queue would fail every transaction of the server that notifies.
create function lamplighter.announce_end(p_request_id uuid, p_function_name text, p_status text) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if pg_notification_queue_usage() >= 0.5 then
    return false;
  end if;
  perform pg_notify('steadytext_completed', lamplighter.announce_payload(p_request_id, p_function_name, p_status));
  return true;
end
$$;

-- After a status was set by hand: tell callers and the worker of a cancelled request, wake workers for one that is ready again.
create function lamplighter.announce_status() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.status = 'cancelled' then
    perform lamplighter.announce_end(new.request_id, new.function_name, new.status);
    if old.status = 'processing' and pg_notification_queue_usage() < 0.9 then
      perform pg_notify('lamplighter_cancel', new.request_id::text);
    end if;
  else
    -- One id is skipped, so that the bound on pending requests counts this one.
    perform nextval('public.steadytext_queue_id_seq');
    perform lamplighter.wake_workers();
  end if;
  return null;
end
$$;

create trigger admit_and_wake after insert on public.steadytext_queue
  for each statement
  execute function lamplighter.admit_and_wake();

create trigger announce_status after update on public.steadytext_queue
  for each row
  when (new.status <> old.status and (new.status = 'cancelled' or (new.status = 'pending' and new.run_at is null)))
  execute function lamplighter.announce_status();
