-- lamplighter.measure_enqueued (worker)
-- Counts the requests and tasks that were queued since the last time into the minutes of their created_at, each once, and returns whether
-- there is more to count. At most 15,000 requests and 5,000 tasks are counted, by their ids, of which a piece spans as many: each is read
-- once, and the next piece begins at the first row that is there. Which ids are final is known late: those issued before the last call are counted once all transactions of that time
-- have ended, or after five minutes, so that one that stays open holds up no figure; what it queued is not counted then. Nor is what was
-- deleted at once, or came with an older created_at than two hours, as from a dump; nor what was queued in a minute in which no process
-- measured. Nothing is done where another session counts. Lock order: the cursor, then lanes, then minutes.
create or replace function lamplighter.measure_enqueued() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set row_security = off as $$
declare
  v_cursor lamplighter.metric_cursor;
  v_now constant timestamptz := clock_timestamp();
  v_issued bigint;
  v_to bigint;
  v_has_more boolean := false;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into lamplighter.metric_cursor (system, counted_id, next_id)
  select n.system, n.last_value, n.last_value
  from (
    select 'requests' as system, s.last_value - (not s.is_called)::integer as last_value from public.steadytext_queue_id_seq as s
    union all
    select 'tasks', s.last_value - (not s.is_called)::integer from lamplighter.task_run_run_id_seq as s
  ) as n
  where not exists (select from lamplighter.metric_cursor as c where c.system = n.system)
  on conflict on constraint metric_cursor_pkey do nothing;
  for v_cursor in
    select c.* from lamplighter.metric_cursor as c order by c.system for update skip locked
  loop
    if v_cursor.counted_id < v_cursor.next_id
       and (pg_snapshot_xmin(pg_current_snapshot()) >= v_cursor.next_xid or v_cursor.noted_at < v_now - interval '5 minutes') then
      v_to := v_cursor.next_id;
      if v_cursor.system = 'requests' then
        v_to := least(v_to, 14999 + (
          select q.id
          from public.steadytext_queue as q
          where q.id > v_cursor.counted_id and q.id <= v_cursor.next_id
          order by q.id
          limit 1));
      else
        v_to := least(v_to, 4999 + (
          select r.run_id
          from lamplighter.task_run as r
          where r.run_id > v_cursor.counted_id and r.run_id <= v_cursor.next_id
          order by r.run_id
          limit 1));
      end if;
      -- Materialized, and grouped by hash: conditions on the minute would otherwise be computed for each row, which are then sorted.
      with counted as materialized (
        select date_bin('1 minute', q.created_at, 'epoch') as minute, q.function_name, q.model, count(*) as enqueued
        from public.steadytext_queue as q
        where v_cursor.system = 'requests' and q.id > v_cursor.counted_id and q.id <= v_to
        group by 1, 2, 3
        union all
        select date_bin('1 minute', r.queued_at, 'epoch'), null, null, count(*)
        from lamplighter.task_run as r
        where v_cursor.system = 'tasks' and r.run_id > v_cursor.counted_id and r.run_id <= v_to
        group by 1
      )
      insert into lamplighter.metric_minute as m (lane, minute, source, enqueued)
      select l.id, e.minute, '00000000-0000-0000-0000-000000000000', sum(e.enqueued)
      from (
        select e.minute, e.function_name, e.model, e.enqueued
        from counted as e
        where e.minute between v_now - interval '2 hours' and v_now
          and exists (
            select
            from lamplighter.metric_lane as l
            join lamplighter.metric_minute as m on m.lane = l.id and m.minute = e.minute
            where l.system = v_cursor.system and l.function_name = '' and l.model = '')
      ) as e
      cross join lateral (
        select lamplighter.require_metric_lane(v_cursor.system, e.function_name, e.model) as id where e.function_name is not null
        union all
        select lamplighter.require_metric_lane(v_cursor.system, '', '')
      ) as l
      group by l.id, e.minute
      order by l.id, e.minute
      on conflict on constraint metric_minute_pkey do update set enqueued = m.enqueued + excluded.enqueued;
      update lamplighter.metric_cursor as c set counted_id = v_to where c.system = v_cursor.system;
      v_cursor.counted_id := v_to;
      v_has_more := v_has_more or v_to < v_cursor.next_id;
    end if;
    if v_cursor.system = 'requests' then
      select s.last_value - (not s.is_called)::integer into v_issued from public.steadytext_queue_id_seq as s;
    else
      select s.last_value - (not s.is_called)::integer into v_issued from lamplighter.task_run_run_id_seq as s;
    end if;
    -- Ids may have been issued anew.
    if v_cursor.counted_id > v_issued then
      update lamplighter.metric_cursor as c set counted_id = v_issued, next_id = v_issued where c.system = v_cursor.system;
    elsif v_cursor.counted_id = v_cursor.next_id and v_issued > v_cursor.next_id then
      -- The id of this transaction is taken after the sequence was read: whoever has drawn from it before has a lower one.
      update lamplighter.metric_cursor as c
      set next_id = v_issued,
          next_xid = pg_current_xact_id(),
          noted_at = v_now
      where c.system = v_cursor.system;
    end if;
  end loop;
  return v_has_more;
end
$$;
