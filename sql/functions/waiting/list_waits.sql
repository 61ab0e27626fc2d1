-- lamplighter.list_waits (caller)
-- How many requests wait in each function and model, and for what: 'ready' for their turn, 'retry' for the end of a pause after a
-- failure, 'quarantined' to be run apart because workers died with them, or what explain_lane says. error is one that they had last.
create or replace function lamplighter.list_waits()
returns table (function_name text, model text, reason text, requests bigint, error text)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with waiting as materialized (
    select q.function_name, q.model,
           case when q.run_at is null then 'ready' when q.run_at < '9000-01-01 00:00+00' then 'retry' else 'quarantined' end as reason,
           count(*) as requests, max(left(q.error, 500)) as error
    from public.steadytext_queue as q
    where q.status = 'pending'
    group by 1, 2, 3
  )
  select w.function_name, w.model, coalesce(lane.reason, w.reason), sum(w.requests)::bigint, max(w.error)
  from waiting as w
  left join lateral lamplighter.explain_lane(w.function_name, w.model) as lane on true
  group by 1, 2, 3
  order by 1, 2, 3
$$;
