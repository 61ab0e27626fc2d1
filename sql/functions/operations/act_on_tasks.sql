-- lamplighter.act_on_tasks (caller)
-- Cancels or deletes those of the tasks that match p_filter (see scan_tasks) and to which that can be done, with the rights of who asks.
-- A task that runs is done with once its cancel is asked for. The outcomes are those of act_on_requests. One row for each jobid.
-- Locks in the order of the jobids. Who may not lock a row of lantern.tasks without changing it waits for it, for 0.2 s at most.
create or replace function lamplighter.act_on_tasks(p_action text, p_ids bigint[], p_filter jsonb)
returns table (id bigint, outcome text, reason text)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off set lock_timeout = '200ms' as $$
#variable_conflict use_column
declare
  v_top constant bigint := 9223372036854775807;
  v_many constant integer := greatest(cardinality(p_ids), 1) + 1;
  v_states constant text[] := case p_action
    when 'cancel' then array['queued', 'running']
    when 'delete' then array['succeeded', 'failed', 'canceled']
  end;
  v_seen constant bigint[] := array(
    select distinct t.jobid from lantern.task_status as t where t.jobid = any (p_ids) order by t.jobid);
  v_free bigint[] := v_seen;
  v_matching bigint[];
  v_done bigint[] := '{}';
  v_id bigint;
begin
  if v_states is null then
    raise exception 'Unknown action "%"', left(p_action, 100) using errcode = '22023', hint = 'Actions are cancel and delete.';
  end if;
  if p_action = 'delete' and has_table_privilege('lantern.tasks', 'UPDATE') then
    v_free := array(select t.jobid from lantern.tasks as t where t.jobid = any (v_seen) order by t.jobid for update skip locked);
  end if;
  v_matching := (lamplighter.scan_tasks(p_filter, v_states, v_top, v_many, v_many, v_free)).ids;
  if p_action = 'cancel' then
    insert into lamplighter.task_cancel (run_id)
    select r.run_id
    from lamplighter.task_run as r
    where r.jobid = any (v_matching) and r.state in ('queued', 'running')
    order by r.run_id;
    v_done := v_matching;
  else
    foreach v_id in array v_matching loop
      begin
        delete from lantern.tasks as t where t.jobid = v_id and t.status is not null;
        -- Its end is not written there yet: the next pass of a worker does that.
        if found then
          v_done := v_done || v_id;
        else
          return query select v_id, 'held', null;
        end if;
      exception
        when lock_not_available then
          return query select v_id, 'held', null;
        when integrity_constraint_violation or raise_exception then
          return query select v_id, 'refused', sqlerrm;
      end;
    end loop;
  end if;
  return query
    select m, 'done', null from unnest(v_done) as m
    union all
    select s, 'changed', null from unnest(v_free) as s where s <> all (v_matching)
    union all
    select s, 'held', null from unnest(v_seen) as s where s <> all (v_free)
    union all
    select p, 'gone', null from unnest(p_ids) as p where p <> all (v_seen);
end
$$;
