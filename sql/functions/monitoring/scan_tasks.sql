-- lamplighter.scan_tasks (caller)
-- The jobids of tasks that match, newest first: of those below p_before, up to p_limit, after reading p_scan rows at most, whatever the
-- filter. next_before is where to go on; null at the end. With p_ids it reads those only. Where only tasks that wait or run are asked for,
-- and there are up to 5,000 of them, no other is read.
-- p_filter: id, state, name, role, since, until, error; all that is given must hold. p_states narrows it further; null does not. Who
-- asks sees what lantern.task_status shows.
create or replace function lamplighter.scan_tasks(
  p_filter jsonb,
  p_states text[],
  p_before bigint,
  p_scan integer,
  p_limit integer,
  p_ids bigint[] default null
) returns table (ids bigint[], next_before bigint)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  v_state constant text := p_filter ->> 'state';
  v_name constant text := p_filter ->> 'name';
  v_role constant text := p_filter ->> 'role';
  v_since constant timestamptz := p_filter ->> 'since';
  v_until constant timestamptz := p_filter ->> 'until';
  v_error constant text := '%' || replace(replace(replace(p_filter ->> 'error', E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_') || '%';
  v_id constant bigint := p_filter ->> 'id';
  v_ids bigint[] := coalesce(p_ids, case when v_id is not null then array[v_id] end);
  v_floor bigint;
  -- Known before the statement: what is computed in it would be asked of each row behind the barrier of the view.
  v_low bigint;
begin
  if v_ids is null and (v_state in ('queued', 'running') or p_states <@ array['queued', 'running']) then
    v_ids := lamplighter.find_unfinished_tasks(current_user, least(p_scan, 5000));
  end if;
  if v_ids is null then
    v_floor := lamplighter.find_task_floor(p_before, p_scan);
    v_low := coalesce(v_floor, -9223372036854775808);
    ids := array(
      select t.jobid
      from lantern.task_status as t
      where t.jobid < p_before
        and t.jobid >= v_low
        and (v_state is null or t.state = v_state)
        and (p_states is null or t.state = any (p_states))
        and (v_name is null or t.job_name = v_name)
        and (v_role is null or t.username = v_role)
        and (v_since is null or t.queued_at >= v_since)
        and (v_until is null or t.queued_at < v_until)
        and (v_error is null or t.error_message ilike v_error)
      order by t.jobid desc
      limit p_limit);
  else
    ids := array(
      select t.jobid
      from lantern.task_status as t
      where t.jobid = any (v_ids)
        and t.jobid < p_before
        and (v_id is null or t.jobid = v_id)
        and (v_state is null or t.state = v_state)
        and (p_states is null or t.state = any (p_states))
        and (v_name is null or t.job_name = v_name)
        and (v_role is null or t.username = v_role)
        and (v_since is null or t.queued_at >= v_since)
        and (v_until is null or t.queued_at < v_until)
        and (v_error is null or t.error_message ilike v_error)
      order by t.jobid desc
      limit p_limit);
  end if;
  next_before := case when cardinality(ids) = p_limit then ids[p_limit] else v_floor end;
  return next;
end
$$;
