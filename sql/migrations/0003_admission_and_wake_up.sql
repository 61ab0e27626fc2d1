-- 0003_admission_and_wake_up (schema version 1): the limit on pending requests, the wake-up of idle workers, and events.

create table lamplighter.queue_size (
  is_singleton boolean not null default true,
  pending bigint not null default 0,
  counted_at_id bigint not null default 0,
  counted_at timestamptz not null default now(),
  constraint queue_size_pkey primary key (is_singleton),
  constraint queue_size_is_singleton check (is_singleton)
);
comment on table lamplighter.queue_size is
  'The last count of pending requests. With the ids issued since, it bounds the present number without counting.';
insert into lamplighter.queue_size default values;

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

-- Refreshes lamplighter.queue_size when the bound has come near the limit. Workers call it, several times a second when busy.
create function lamplighter.measure_queue() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_limit bigint := lamplighter.effective_setting('max_queue_size');
  v_size lamplighter.queue_size;
  v_issued bigint;
begin
  if v_limit = 0 then
    return;
  end if;
  select s.last_value into v_issued from public.steadytext_queue_id_seq as s;
  select z.* into v_size from lamplighter.queue_size as z for update skip locked;
  if not found or v_size.pending + abs(v_issued - v_size.counted_at_id) <= v_limit / 2 then
    return;
  end if;
  perform set_config('synchronous_commit', 'off', true);
  update lamplighter.queue_size as z
  set pending = lamplighter.count_pending(v_limit + 1),
      counted_at_id = v_issued,
      counted_at = clock_timestamp();
end
$$;

-- Fires once an INSERT statement. The ids issued since the last count bound what can be pending, so that the usual case costs
-- no count; only near the limit is counted, as far as the limit. Callers never write here: an open transaction would
-- block others, and a REPEATABLE READ one would fail.
create function lamplighter.admit_and_wake() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_limit bigint := lamplighter.effective_setting('max_queue_size');
  v_size lamplighter.queue_size;
  v_issued bigint;
  v_pending bigint;
begin
  if v_limit > 0 then
    select z.* into v_size from lamplighter.queue_size as z;
    select s.last_value into v_issued from public.steadytext_queue_id_seq as s;
    if v_size is null or v_issued < v_size.counted_at_id or v_size.pending + v_issued - v_size.counted_at_id > v_limit then
      v_pending := lamplighter.count_pending(v_limit + 1);
      if v_pending > v_limit then
        raise exception 'Queue is full: at most % requests may be pending', v_limit using errcode = '53400',
          hint = 'Wait until workers have caught up, start more of them, or let the schema owner raise the limit: '
                 || 'SELECT lamplighter.set(''max_queue_size'', ''50000'').';
      end if;
    end if;
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
    if old.status <> 'processing' then
      -- One id is skipped, so that the bound on pending requests counts this one.
      perform nextval('public.steadytext_queue_id_seq');
    end if;
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
