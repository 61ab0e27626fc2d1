-- lamplighter.measure_enqueued (worker)
-- Counts the tasks that were queued since the last time into the minutes of their queued_at, each once, and returns whether there is more to
-- count. At most 5,000 are counted, by their ids, of which a piece spans as many: each is read once, and the next piece begins at the first
-- row that is there. Which ids are final is known late: those issued before the last call are counted once all transactions of that time
-- have ended, or after five minutes, so that one that stays open holds up no figure; what it queued is not counted then. Nor is what was
-- deleted at once, or is older than two hours, as from a dump; nor what was queued in a minute in which no process measured. Nothing is done
-- where another session counts. Requests are counted as they are claimed: record_queued. Lock order: the cursor, then lanes, then minutes.
create or replace function lamplighter.measure_enqueued() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set row_security = off as $$
declare
  v_cursor lamplighter.metric_cursor;
  v_now constant timestamptz := clock_timestamp();
  v_issued bigint;
  v_to bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into lamplighter.metric_cursor (system, counted_id, next_id)
  select 'tasks', s.last_value - (not s.is_called)::integer, s.last_value - (not s.is_called)::integer
  from lamplighter.task_run_run_id_seq as s
  where not exists (select from lamplighter.metric_cursor as c where c.system = 'tasks')
  on conflict on constraint metric_cursor_pkey do nothing;
  select c.* into v_cursor from lamplighter.metric_cursor as c where c.system = 'tasks' for update skip locked;
  if not found then
    return false;
  end if;
  if v_cursor.counted_id < v_cursor.next_id
     and (pg_snapshot_xmin(pg_current_snapshot()) >= v_cursor.next_xid or v_cursor.noted_at < v_now - interval '5 minutes') then
    v_to := least(v_cursor.next_id, 4999 + (
      select r.run_id
      from lamplighter.task_run as r
      where r.run_id > v_cursor.counted_id and r.run_id <= v_cursor.next_id
      order by r.run_id
      limit 1));
    with counted as materialized (
      select date_bin('1 minute', r.queued_at, 'epoch') as minute, count(*) as enqueued
      from lamplighter.task_run as r
      where r.run_id > v_cursor.counted_id and r.run_id <= v_to
      group by 1
    )
    insert into lamplighter.metric_minute as m (lane, minute, source, enqueued)
    select l.id, c.minute, '00000000-0000-0000-0000-000000000000', c.enqueued
    from counted as c
    cross join (select lamplighter.require_metric_lane('tasks', '', '') as id) as l
    where c.minute between v_now - interval '2 hours' and v_now
      and exists (select from lamplighter.metric_minute as k where k.lane = l.id and k.minute = c.minute)
    order by c.minute
    on conflict on constraint metric_minute_pkey do update set enqueued = m.enqueued + excluded.enqueued;
    update lamplighter.metric_cursor as c set counted_id = v_to where c.system = 'tasks';
    v_cursor.counted_id := v_to;
  end if;
  select s.last_value - (not s.is_called)::integer into v_issued from lamplighter.task_run_run_id_seq as s;
  -- Ids may have been issued anew.
  if v_cursor.counted_id > v_issued then
    update lamplighter.metric_cursor as c set counted_id = v_issued, next_id = v_issued where c.system = 'tasks';
  elsif v_cursor.counted_id = v_cursor.next_id and v_issued > v_cursor.next_id then
    -- The id of this transaction is taken after the sequence was read: whoever has drawn from it before has a lower one.
    update lamplighter.metric_cursor as c
    set next_id = v_issued,
        next_xid = pg_current_xact_id(),
        noted_at = v_now
    where c.system = 'tasks';
  end if;
  return v_cursor.counted_id < v_cursor.next_id;
end
$$;
