-- lamplighter.list_unready (internal)
-- The requests of the roles between two names that are in the queue and are not ready: delayed, quarantined or running. At most 2,000 delayed
-- ones are looked at, whosever they are, as their index does not know the role: where there are more, a row without a function says 'more'.
-- 1,000 in quarantine, too, and those that run as far as the newest claims of live workers name them, 5,000 at most. failed_id is the id of
-- one whose last attempt failed: the error may quote the request, and is read by whoever may read that.
create or replace function lamplighter.list_unready(p_low text, p_high text)
returns table (function_name text, model text, created_at timestamptz, state text, failed_id bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set row_security = off as $$
  with delayed as materialized (
    select q.function_name, q.model, q.created_at, q.username, case when q.error is not null then q.id end as failed_id
    from public.steadytext_queue as q
    where q.run_at < '9000-01-01 00:00+00' and q.status = 'pending'
    limit 2001
  )
  (
    select d.function_name, d.model, d.created_at, 'delayed', d.failed_id
    from delayed as d
    where d.username between p_low and p_high
    limit 2000
  )
  union all
  select null, null, null, 'more', null where (select count(*) from delayed) > 2000
  union all
  (
    select q.function_name, q.model, q.created_at, 'quarantined', case when q.error is not null then q.id end
    from (select d.id from lamplighter.quarantine as d where d.deaths >= 2 limit 1000) as d
    join public.steadytext_queue as q on q.id = d.id
    where q.status = 'pending' and q.run_at is not null and q.username between p_low and p_high
  )
  union all
  (
    select q.function_name, q.model, null, 'running', null
    from (
      select distinct c.id
      from lamplighter.worker as w
      cross join lateral (
        select unnest(c.ids) as id
        from (
          select c.ids from lamplighter.claim as c where c.worker_id = w.worker_id order by c.claim_number desc limit 100
        ) as c
        limit 5000
      ) as c
      where w.status in ('running', 'sleeping', 'stopping')
        and w.last_heartbeat > clock_timestamp() - make_interval(secs => w.lease_ms / 1000.0)
      limit 5000
    ) as c
    join public.steadytext_queue as q on q.id = c.id
    where q.status = 'processing' and q.username between p_low and p_high
  )
$$;
