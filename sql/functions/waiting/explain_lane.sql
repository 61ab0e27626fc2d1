-- lamplighter.explain_lane (caller)
-- What keeps requests of a function and model from being answered: 'paused', 'not served', or 'model unavailable' where that is so for
-- every worker that serves them; no row when something may answer. What the model says is for the owner: it may quote a request.
create or replace function lamplighter.explain_lane(p_function_name text, p_model text)
returns table (reason text, model text, since timestamptz)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with serving as materialized (
    select trouble.model, w.last_heartbeat - trouble.for_ms / 1000 * interval '1 second' as since
    from lamplighter.worker as w
    left join lateral (
      select t.model, t.for_ms
      from jsonb_to_recordset(w.troubles) as t (model text, lanes jsonb, for_ms double precision)
      where t.lanes ? (p_function_name || ':' || p_model)
      limit 1
    ) as trouble on true
    where w.status in ('running', 'sleeping')
      and w.last_heartbeat > clock_timestamp() - make_interval(secs => w.lease_ms / 1000.0)
      and p_function_name || ':' || p_model = any (w.lanes)
  )
  select o.reason, o.model, o.since
  from (
    select 1, 'paused', null, p.paused_at from lamplighter.paused_function as p where p.function_name = p_function_name
    union all
    select 2, 'not served', null, null where not exists (select from serving)
    union all
    select 3, 'model unavailable', max(s.model), min(s.since) from serving as s having count(*) = count(s.model)
  ) as o (position, reason, model, since)
  order by o.position
  limit 1
$$;
