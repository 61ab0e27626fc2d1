-- lamplighter.claim_quarantined (worker)
-- Takes requests in quarantine from one of the lanes, to be run with nothing else of that lane: the most urgent one, and others up to
-- the lane's limit if each of them has been through two deaths only. Without those, workers that died with two thousand would keep
-- another busy for minutes. p_claim_number as in claim_requests.
create or replace function lamplighter.claim_quarantined(
  p_worker_id uuid,
  p_claim_number bigint,
  p_function_names text[],
  p_models text[],
  p_limits integer[]
) returns table (
  id bigint,
  request_id uuid,
  function_name text,
  model text,
  username text,
  parameters jsonb,
  priority integer,
  created_us bigint,
  attempt integer,
  retry_count integer,
  traceparent text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
#variable_conflict use_column
declare
  v_first record;
  v_places tid[];
  v_ids bigint[];
begin
  perform set_config('synchronous_commit', 'off', true);
  select c.ctid as place, c.id, c.function_name, c.model, d.deaths, lane.most
  into v_first
  from public.steadytext_queue as c
  join unnest(p_function_names, p_models, p_limits) as lane (function_name, model, most)
    on lane.function_name = c.function_name and lane.model = c.model
  join lamplighter.quarantine as d on d.id = c.id
  -- As an array they are looked up by key; as a join, all that is pending was read to find them.
  where c.id = any (array(select d.id from lamplighter.quarantine as d where d.deaths >= 2))
    and c.status = 'pending' and c.run_at = '9000-01-01 00:00+00'
    and not exists (select 1 from lamplighter.paused_function as p where p.function_name = c.function_name)
  order by c.priority desc, c.created_at, c.id
  limit 1
  for no key update of c skip locked;
  if not found then
    perform lamplighter.require_lease(p_worker_id);
    return;
  end if;
  v_places := array[v_first.place];
  v_ids := array[v_first.id];
  if v_first.deaths = 2 and v_first.most > 1 then
    select array_agg(c.ctid), array_agg(c.id)
    into v_places, v_ids
    from (
      select c.ctid, c.id
      from public.steadytext_queue as c
      where c.id = any (array(select d.id from lamplighter.quarantine as d where d.deaths = 2))
        and c.status = 'pending' and c.run_at = '9000-01-01 00:00+00'
        and c.function_name = v_first.function_name and c.model = v_first.model
      order by c.priority desc, c.created_at, c.id
      limit v_first.most
      for no key update skip locked
    ) as c;
  end if;
  return query
    select t.id, t.request_id, t.function_name, t.model, t.username, t.parameters, t.priority, t.created_us, t.attempt, t.retry_count, t.traceparent
    from lamplighter.claim_locked(p_worker_id, p_claim_number, v_places, v_ids) as t;
end
$$;
