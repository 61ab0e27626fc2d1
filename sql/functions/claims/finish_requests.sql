-- lamplighter.finish_requests (worker)
-- Records the end of one attempt of each request that is still in flight with the worker (worker_id and attempt fence; cancel and
-- rescue change them). Outcomes: completed; failed; retry (charged; after p_delays_ms, or failed once retry_count has reached p_max_retries);
-- defer (not charged; after p_delays_ms); release (not charged; ready at once).
-- The arrays go by ascending id, which is the lock order; a null stands for an array of nulls. A row that somebody else has locked
-- is skipped. Returns the requests that were finished; the rest are locked or lost.
-- Completions are announced here only by the session that gets the gate, an advisory lock until its commit. A commit with a notification
-- holds one lock of the whole server until it is on disk; the gate lets one such commit through at a time, and no session waits for it.
-- Where is_announced is false, announce_completions has to announce the completion once this transaction has committed.
create or replace function lamplighter.finish_requests(
  p_worker_id uuid,
  p_ids bigint[],
  p_attempts integer[],
  p_outcomes text[],
  p_results text[],
  p_errors text[],
  p_delays_ms double precision[],
  p_cache_keys bytea[],
  p_max_retries integer
) returns table (id bigint, status text, is_announced boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
set row_security = off as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := clock_timestamp();
begin
  return query
    -- Lateral, so that each row is looked up by its id: as a join, a table of up to some 30,000 rows was read as a whole, because
    -- statistics taken while nothing was in flight say that the fence matches nothing (35 ms instead of 9 for 500).
    with in_flight as materialized (
      select o.*, q.place, q.status
      from unnest(p_ids, p_attempts, p_outcomes, p_results, p_errors, p_delays_ms)
        as o (id, attempt, outcome, result, error, delay_ms)
      cross join lateral (
        select q.ctid as place,
               case
                 when o.outcome in ('completed', 'failed') then o.outcome
                 when o.outcome = 'retry' and q.retry_count >= p_max_retries then 'failed'
                 else 'pending'
               end as status
        from public.steadytext_queue as q
        where q.id = o.id and q.worker_id = p_worker_id and q.attempt = o.attempt and q.completed_at is null
        for no key update skip locked
      ) as q
      -- The condition of require_own_worker, which only raises: here it costs no statement of its own.
      where not exists (
              select 1 from lamplighter.worker as w where w.worker_id = p_worker_id and w.username <> session_user::text collate "C")
         or pg_has_role(session_user, (select c.relowner from pg_class as c where c.oid = 'public.steadytext_queue'::regclass), 'USAGE')
    ), ended as (
      update public.steadytext_queue as q
      set status = h.status,
          result = case when h.status = 'completed' then h.result end,
          error = case when h.outcome = 'release' then q.error else h.error end,
          completed_at = case when h.status <> 'pending' then v_now end,
          failed_at = case when h.status = 'failed' then v_now end,
          retry_count = q.retry_count + (h.outcome = 'retry' and h.status = 'pending')::integer,
          worker_id = case when h.status <> 'pending' then q.worker_id end,
          run_at = case
            when h.status = 'pending' and h.outcome in ('retry', 'defer') then v_now + make_interval(secs => h.delay_ms / 1000.0)
            when h.outcome = 'release'
                 and not exists (select 1 from lamplighter.quarantine as d where d.id = q.id and d.deaths >= 2) then null
            else '9000-01-01 00:00+00'
          end
      from in_flight as h
      where q.ctid = h.place
      returning q.id, q.request_id, q.function_name, q.status, q.run_at is null as is_ready, h.outcome
    ), survived as (
      -- The request has run without killing its worker. Only rows of `ended` count: a row that was lost may be another worker's by now.
      delete from lamplighter.quarantine as d
      using ended as e
      where (select exists (select 1 from lamplighter.quarantine))
        and d.id = e.id and e.outcome in ('completed', 'failed', 'retry')
    ), gate as materialized (
      -- The aggregate asks for the lock late, when all rows have been written, and only where there is something to announce.
      select case when bool_or(e.status in ('completed', 'failed')) and pg_notification_queue_usage() < 0.5
                  then pg_try_advisory_xact_lock(hashtextextended('lamplighter announce', 0)) end as is_open
      from ended as e
    )
    select e.id, e.status,
           case when e.status not in ('completed', 'failed') then
                  -- A request that is delayed skips one id, so that the bound on pending requests counts it; for one that is ready a trigger does.
                  e.is_ready or nextval('public.steadytext_queue_id_seq') > 0
                when (select g.is_open from gate as g) then
                  pg_notify('steadytext_completed', lamplighter.announce_payload(e.request_id, e.function_name, e.status)) is not null
                else false end
    from ended as e;
  if not found then
    perform lamplighter.require_own_worker(p_worker_id);
  end if;
  if exists (select from lamplighter.handler) then
    perform lamplighter.record_deliveries(p_ids, v_now);
  end if;
  if cardinality(array_remove(p_cache_keys, null)) > 0 then
    insert into lamplighter.cached_result as c (cache_key, id, completed_at)
    select distinct on (k.cache_key) k.cache_key, k.id, v_now
    from unnest(p_cache_keys, p_ids, p_attempts, p_outcomes) as k (cache_key, id, attempt, outcome)
    -- Only requests that were ended just now: an answer that was not recorded must not take the place of one that was.
    cross join lateral (
      select 1 from public.steadytext_queue as q where q.id = k.id and q.attempt = k.attempt and q.completed_at = v_now
    ) as ended
    where k.cache_key is not null and k.outcome = 'completed'
    order by k.cache_key, k.id
    on conflict (cache_key) do update set id = excluded.id, completed_at = excluded.completed_at;
  end if;
end
$$;
