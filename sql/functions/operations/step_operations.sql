-- lamplighter.step_operations (worker)
-- Makes one step of one operation, that which waited longest: collects up to 1,000 ids, or works off as many. True when there is more to be
-- done at once. What a step does is committed as a whole with what it counts, so that each row is counted once, whoever dies.
-- Lock order: one operation, which one session at a time has, then one of its chunks, then rows by id. It waits for none of them.
create or replace function lamplighter.step_operations() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  v_size constant integer := 1000;
  v_scan constant integer := 20000;
  v_attempts constant integer := 10;
  v_operation lamplighter.operation;
  v_chunk lamplighter.operation_chunk;
  v_role record;
  v_filter jsonb;
  v_found record;
  v_held bigint[];
  v_error text;
  v_state text := 'running';
begin
  select o.* into v_operation
  from lamplighter.operation as o
  where o.state = 'running'
    and (o.is_stop_requested
         or not o.is_collected
         or exists (select from lamplighter.operation_chunk as c where c.operation_id = o.operation_id and c.due_at <= clock_timestamp())
         or not exists (select from lamplighter.operation_chunk as c where c.operation_id = o.operation_id))
    and (o.failures = 0 or o.stepped_at < clock_timestamp() - interval '1 second')
  order by o.stepped_at nulls first, o.operation_id
  limit 1
  for no key update skip locked;
  if not found then
    return false;
  end if;
  begin
    select pg_has_role(r.oid, own.relowner, 'USAGE') as is_owner
    into v_role
    from pg_roles as r
    cross join pg_class as own
    where r.oid = v_operation.role_oid and r.rolname = v_operation.username and own.oid = 'public.steadytext_queue'::regclass;
    if not found then
      v_state := 'failed';
      v_error := 'Role dropped';
    elsif v_operation.is_stop_requested then
      v_state := 'stopped';
    else
      v_filter := v_operation.filter;
      if not v_role.is_owner then
        if v_filter ->> 'role' <> v_operation.username then
          v_operation.is_collected := true;
        end if;
        v_filter := v_filter || jsonb_build_object('role', v_operation.username);
      end if;
      if not v_operation.is_collected then
        if v_operation.kind = 'requests' then
          select s.ids, s.next_before into v_found
          from lamplighter.scan_requests(v_filter,
            case v_operation.action when 'retry' then array['failed'] when 'cancel' then array['pending', 'processing']
              else array['completed', 'failed', 'cancelled'] end,
            v_operation.scan_before, v_scan, v_size) as s;
        else
          select s.ids, s.next_before into v_found
          from lamplighter.scan_tasks(v_filter,
            case v_operation.action when 'cancel' then array['queued', 'running'] else array['succeeded', 'failed', 'canceled'] end,
            v_operation.scan_before, v_scan, v_size) as s;
        end if;
        if cardinality(v_found.ids) > 0 then
          insert into lamplighter.operation_chunk (operation_id, ids)
          values (v_operation.operation_id, array(select i from unnest(v_found.ids) as i order by i));
        end if;
        v_operation.matched := v_operation.matched + cardinality(v_found.ids);
        v_operation.is_collected := v_found.next_before is null;
        v_operation.scan_before := coalesce(v_found.next_before, v_operation.scan_before);
      else
        select c.* into v_chunk
        from lamplighter.operation_chunk as c
        where c.operation_id = v_operation.operation_id and c.due_at <= clock_timestamp()
        order by c.chunk_number
        limit 1;
        if found then
          if v_operation.kind = 'requests' then
            select count(*) filter (where a.outcome = 'done') as done, count(*) filter (where a.outcome = 'changed') as changed,
                   count(*) filter (where a.outcome = 'gone') as gone, count(*) filter (where a.outcome = 'refused') as refused,
                   array_agg(a.id order by a.id) filter (where a.outcome = 'held') as held, max(a.reason) as reason
            into v_found
            from lamplighter.act_on_requests(v_operation.action, v_chunk.ids, v_filter) as a;
          else
            select count(*) filter (where a.outcome = 'done') as done, count(*) filter (where a.outcome = 'changed') as changed,
                   count(*) filter (where a.outcome = 'gone') as gone, count(*) filter (where a.outcome = 'refused') as refused,
                   array_agg(a.id order by a.id) filter (where a.outcome = 'held') as held, max(a.reason) as reason
            into v_found
            from lamplighter.act_on_tasks(v_operation.action, v_chunk.ids, v_filter) as a;
          end if;
          v_operation.done := v_operation.done + v_found.done;
          v_operation.changed := v_operation.changed + v_found.changed;
          v_operation.gone := v_operation.gone + v_found.gone;
          v_operation.refused := v_operation.refused + v_found.refused;
          v_error := v_found.reason;
          v_held := v_found.held;
          delete from lamplighter.operation_chunk as c
          where c.operation_id = v_operation.operation_id and c.chunk_number = v_chunk.chunk_number;
          if v_chunk.attempt + 1 < v_attempts then
            insert into lamplighter.operation_chunk (operation_id, ids, attempt, due_at)
            select v_operation.operation_id, v_held, v_chunk.attempt + 1, clock_timestamp() + (v_chunk.attempt + 1) * interval '0.5 seconds'
            where v_held is not null;
          else
            v_operation.held := v_operation.held + coalesce(cardinality(v_held), 0);
          end if;
        elsif not exists (select from lamplighter.operation_chunk as c where c.operation_id = v_operation.operation_id) then
          v_state := 'done';
        end if;
      end if;
    end if;
    v_operation.failures := 0;
  exception when others then
    v_error := sqlerrm;
    -- What was counted is undone with what was done.
    select o.* into v_operation from lamplighter.operation as o where o.operation_id = v_operation.operation_id;
    v_operation.failures := v_operation.failures + 1;
    if v_operation.failures >= 20 then
      v_state := 'failed';
    end if;
  end;
  update lamplighter.operation as o
  set state = v_state,
      is_collected = v_operation.is_collected,
      scan_before = v_operation.scan_before,
      matched = v_operation.matched,
      done = v_operation.done,
      changed = v_operation.changed,
      gone = v_operation.gone,
      held = v_operation.held,
      refused = v_operation.refused,
      failures = v_operation.failures,
      error = coalesce(v_error, o.error),
      stepped_at = clock_timestamp(),
      finished_at = case when v_state <> 'running' then clock_timestamp() end
  where o.operation_id = v_operation.operation_id;
  if v_state <> 'running' then
    delete from lamplighter.operation_chunk as c where c.operation_id = v_operation.operation_id;
    insert into lamplighter.audit (username, user_name, source, action, kind, filter, count)
    values (v_operation.username, v_operation.started_by, v_operation.source, 'end ' || v_operation.action || ' of all', v_operation.kind,
            v_operation.filter || jsonb_build_object('operation', v_operation.operation_id::text), v_operation.done);
  end if;
  return v_operation.failures = 0;
end
$$;
