-- lamplighter.measure_figures (internal)
-- The figures of all three systems as they are now, of one role or with null of all. Reads some 20,000 entries at most, however many
-- requests, tasks and changes there are. Counts that stopped at their bound are named with is_exact false: there is more than that.
create or replace function lamplighter.measure_figures(p_username text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set row_security = off as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_role constant oid := (select r.oid from pg_roles as r where r.rolname = p_username);
  v_lanes jsonb;
  v_tasks jsonb;
  v_jobs jsonb;
  v_workers jsonb;
  v_most bigint;
begin
  select coalesce(jsonb_agg(jsonb_build_object(
           'function_name', m.function_name,
           'model', m.model,
           'pending', m.ready + m.delayed + m.quarantined,
           'ready', m.ready,
           'delayed', m.delayed,
           'quarantined', m.quarantined,
           'is_exact', m.is_exact,
           'running', m.running,
           'oldest_pending_s', m.oldest_pending_s,
           'stopped_by', l.reason)), '[]')
  into v_lanes
  from lamplighter.measure_lanes(p_username) as m
  left join lateral lamplighter.explain_lane(m.function_name, m.model) as l on true;
  select jsonb_build_object(
           'queued', least(count(*), 2000),
           'is_exact', count(*) <= 2000,
           'oldest_queued_s', greatest(0, extract(epoch from v_now - min(q.queued_at))),
           'running', (
             select count(*)
             from (
               select from lamplighter.task_run as r
               where r.state = 'running' and (p_username is null or r.username = p_username)
               limit 1000
             ) as r),
           'is_served', exists (
             select
             from lamplighter.task_worker as t
             join lamplighter.worker as w on w.worker_id = t.worker_id
             where t.concurrency > 0 and w.status in ('running', 'sleeping')
               and w.last_heartbeat > v_now - make_interval(secs => w.lease_ms / 1000.0)))
  into v_tasks
  from (
    select r.queued_at
    from lamplighter.task_run as r
    where r.state = 'queued' and r.role_oid >= coalesce(v_role, 0) and r.role_oid <= coalesce(v_role, 4294967295)
    order by r.role_oid, r.run_id
    limit 2001
  ) as q;
  select greatest(20, 3000 / greatest(count(*), 1)) into v_most from lamplighter.embedding_job as j where j.state <> 'canceled';
  select coalesce(jsonb_agg(jsonb_build_object(
           'id', j.id,
           'job_id', j.job_id,
           'model', j.model,
           'state', j.state,
           'queued', q.logged + q.claimed,
           'is_exact', q.is_exact,
           'lag_s', greatest(0, extract(epoch from v_now - q.oldest)),
           'is_served', j.state = 'failed' or coalesce(p.served_at > v_now - interval '1 minute', false)) order by j.id), '[]')
  into v_jobs
  from (
    select j.id, j.job_id, j.model, j.state
    from lamplighter.embedding_job as j
    where j.state <> 'canceled'
      and (p_username is null or coalesce(has_table_privilege(p_username, j.table_oid, 'SELECT'), false))
    order by j.id
    limit 300
  ) as j
  left join lamplighter.embedding_progress as p on p.job = j.id
  cross join lateral (
    select least(c.logged, v_most) as logged, c.logged <= v_most and b.batches <= 100 as is_exact, b.claimed, o.oldest
    from (
      select coalesce(sum(coalesce(c.run_length, 1)), 0) as logged
      from (select c.run_length from lamplighter.change as c where c.job = j.id limit v_most + 1) as c
    ) as c
    cross join (
      select count(*) as batches, coalesce(sum(cardinality(b.keys)), 0) as claimed
      from (select b.keys from lamplighter.embedding_batch as b where b.job = j.id limit 101) as b
    ) as b
    cross join (
      select (select c.changed_at from lamplighter.change as c where c.job = j.id order by c.seq limit 1) as oldest
    ) as o
  ) as q;
  select jsonb_build_object(
           'alive', count(*) filter (where s.is_alive),
           'dead', count(*) filter (where not s.is_alive))
  into v_workers
  from lamplighter.worker as w
  cross join lateral (
    select w.status in ('running', 'sleeping', 'stopping')
           and w.last_heartbeat > v_now - make_interval(secs => w.lease_ms / 1000.0) as is_alive
  ) as s
  where w.status <> 'stopped';
  return jsonb_build_object('at_ms', extract(epoch from v_now) * 1000, 'lanes', v_lanes, 'tasks', v_tasks, 'jobs', v_jobs, 'workers', v_workers);
end
$$;
