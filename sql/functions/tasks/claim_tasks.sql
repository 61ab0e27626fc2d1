-- lamplighter.claim_tasks (worker)
-- Takes up to p_limit queued tasks for a worker. Each is of a role that has the fewest running, by lot among equals, so that one task
-- waits for no crowd of another role's; within a role the order is that of queueing. p_skip_roles: those that this worker cannot serve at
-- present. Rows that somebody has locked are passed over. Roles that were dropped, renamed or made again, and tasks of a copied database,
-- are left to settle_stray_tasks. Calls of completion handlers that are due become tasks first; p_handler_timeout_ms is their time limit.
-- Raises LL001 when the worker's lease is lost.
create or replace function lamplighter.claim_tasks(
  p_worker_id uuid,
  p_limit integer,
  p_skip_roles text[] default '{}',
  p_handler_timeout_ms integer default 120000
) returns table (
  run_id bigint,
  jobid bigint,
  username text,
  role_oid oid,
  query text,
  search_path text,
  attempt integer,
  traceparent text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
set row_security = off as $$
#variable_conflict use_column
declare
  v_origin constant text := lamplighter.read_task_origin();
  v_roles oid[];
  v_loads bigint[];
  v_last bigint[];
  v_at integer;
  v_run_id bigint;
  v_left integer := p_limit;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_lease(p_worker_id);
  if exists (select from lamplighter.delivery as d where d.run_id is null and d.failed_at is null and d.due_at <= clock_timestamp())
     or exists (select from lamplighter.handler as h where h.is_dropped) then
    perform lamplighter.enqueue_deliveries(p_handler_timeout_ms);
  end if;
  with recursive queued (role_oid) as (
    (select r.role_oid from lamplighter.task_run as r where r.state = 'queued' order by r.role_oid limit 1)
    union all
    select (
      select r.role_oid from lamplighter.task_run as r where r.state = 'queued' and r.role_oid > q.role_oid order by r.role_oid limit 1)
    from queued as q
    where q.role_oid is not null
  ), running as materialized (
    select r.role_oid, count(*) as load from lamplighter.task_run as r where r.state = 'running' group by r.role_oid
  )
  select array_agg(q.role_oid), array_agg(coalesce(n.load, 0)), array_agg(0::bigint)
  into v_roles, v_loads, v_last
  from queued as q
  join pg_roles as p on p.oid = q.role_oid and p.rolname <> all (p_skip_roles)
  left join running as n on n.role_oid = q.role_oid;
  while v_left > 0 loop
    select a.position into v_at
    from unnest(v_roles, v_loads) with ordinality as a (role_oid, load, position)
    where a.load is not null
    order by a.load, random()
    limit 1;
    exit when not found;
    select r.run_id into v_run_id
    from lamplighter.task_run as r
    join pg_roles as p on p.oid = r.role_oid and p.rolname = r.username
    -- Not role_oid = ..: the order by run_id alone would then be had from the primary key as well, past all that has ended.
    where r.state = 'queued' and (r.role_oid, r.run_id) > (v_roles[v_at], v_last[v_at]) and r.role_oid <= v_roles[v_at]
      and (r.not_before is null or r.not_before <= clock_timestamp())
      and r.origin = v_origin
    order by r.role_oid, r.run_id
    limit 1
    for no key update of r skip locked;
    if not found then
      v_loads[v_at] := null;
      continue;
    end if;
    v_last[v_at] := v_run_id;
    if exists (select from lamplighter.task_cancel as c where c.run_id = v_run_id) then
      perform lamplighter.finish_run(v_run_id, 'canceled', 'Canceled by user');
      continue;
    end if;
    return query
      update lamplighter.task_run as r
      set state = 'running',
          worker_id = p_worker_id,
          attempt = r.attempt + 1,
          claimed_at = clock_timestamp(),
          run_started_at = null,
          not_before = null,
          reason = null,
          guarantee = 'exactly once',
          pid = null,
          cancel_key = null,
          backend_start = null,
          postmaster_start = null,
          stats_reset = null,
          secret_hash = null,
          bare_at = null
      where r.run_id = v_run_id
      returning r.run_id, r.jobid, r.username, r.role_oid, r.query, r.search_path, r.attempt, r.traceparent;
    v_loads[v_at] := v_loads[v_at] + 1;
    v_left := v_left - 1;
  end loop;
end
$$;
