-- lamplighter.rescue_orphans (internal)
-- Gives back requests whose worker is dead or gone, all or none, and returns what became of them. After the first death of its worker a
-- request is ready again at once, as most deaths are deployments and lost hosts; from the second on it is in quarantine. Only the one
-- that find_charged names is charged, and fails once it has no retries left. What a worker left that stopped, or what was never claimed,
-- has been through no death. The caller has locked the rows.
create or replace function lamplighter.rescue_orphans(p_ids bigint[], p_max_retries integer) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_rescued jsonb;
begin
  with orphan as materialized (
    select q.id, w.worker_id,
           -- A claim that was committed after that was never run.
           coalesce(w.status = 'dead' and q.started_at <= w.died_at, false) as is_death,
           coalesce(q.id = w.charged_id and q.started_at <= w.died_at, false) as is_charged,
           coalesce((select d.deaths from lamplighter.quarantine as d where d.id = q.id), 0) as deaths_before
    from public.steadytext_queue as q
    left join lamplighter.worker as w on w.worker_id = q.worker_id
    where q.id = any (p_ids)
  ), counted as materialized (
    select o.*, o.deaths_before + o.is_death::integer as deaths
    from orphan as o
  ), rescued as (
    update public.steadytext_queue as q
    set status = case when o.is_charged and q.retry_count >= p_max_retries then 'failed' else 'pending' end,
        error = case when o.is_charged then 'The worker died while it ran this request alone' else q.error end,
        completed_at = case when o.is_charged and q.retry_count >= p_max_retries then clock_timestamp() end,
        failed_at = case when o.is_charged and q.retry_count >= p_max_retries then clock_timestamp() end,
        retry_count = case when o.is_charged and q.retry_count < p_max_retries then q.retry_count + 1 else q.retry_count end,
        worker_id = null,
        run_at = case when o.deaths >= 2 then timestamptz '9000-01-01 00:00+00' end
    from counted as o
    where q.id = o.id
    returning q.id, q.request_id, q.function_name, q.model, q.status, q.error, o.worker_id, o.is_charged, o.is_death, o.deaths
  ), remembered as (
    insert into lamplighter.quarantine as d (id, deaths)
    select r.id, r.deaths from rescued as r where r.status = 'pending' and r.is_death
    on conflict on constraint quarantine_pkey do update set deaths = excluded.deaths, rescued_at = excluded.rescued_at
  ), forgotten as (
    delete from lamplighter.quarantine as d
    using rescued as r
    where d.id = r.id and r.status = 'failed'
  )
  select jsonb_agg(r) into v_rescued
  from rescued as r
  where r.status = 'pending' or lamplighter.announce_completion(r.request_id, r.function_name, r.status) is not null;
  return v_rescued;
end
$$;
