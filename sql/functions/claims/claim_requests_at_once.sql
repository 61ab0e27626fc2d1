-- lamplighter.claim_requests_at_once (worker)
-- Scans and claims in one step, for a worker that knows of no level with ready requests. The lanes (triples of function, model and most
-- rows) are tried in the order given, and all that is ready in the first one that has anything is claimed, so that no turns are needed.
-- One row without an id means that list_ready and claim_requests have to be called: the lane has more than so many rows or half a
-- megabyte of parameters, or others have locked all of it. No row means that nothing is ready in any lane. The function waits 0.2 s at
-- most for a lock of the table: the outcome of a claim that is given up is unknown, while a scan that waits harms nobody.
create or replace function lamplighter.claim_requests_at_once(
  p_worker_id uuid,
  p_claim_number bigint,
  p_function_names text[],
  p_models text[],
  p_limits integer[]
) returns table (
  function_name text,
  model text,
  id bigint,
  request_id uuid,
  username text,
  parameters jsonb,
  priority integer,
  created_us bigint,
  attempt integer,
  retry_count integer,
  traceparent text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set lock_timeout = '200ms' set row_security = off as $$
#variable_conflict use_column
declare
  v_count bigint;
  v_size bigint;
  v_places tid[];
  v_ids bigint[];
begin
  for i in 1 .. cardinality(p_function_names) loop
    -- Nothing is locked yet: what is left for others must not be passed over by them.
    select count(*), sum(c.size)
    into v_count, v_size
    from (
      select case when pg_column_size(q.parameters) < 1000 then pg_column_size(q.parameters)
                  else pg_column_size(q.parameters || '{}') end as size
      from public.steadytext_queue as q
      where q.run_at is null and q.status = 'pending' and q.function_name = p_function_names[i] and q.model = p_models[i]
      limit p_limits[i] + 1
    ) as c;
    continue when v_count = 0
      or exists (select 1 from lamplighter.paused_function as p where p.function_name = p_function_names[i]);
    perform set_config('synchronous_commit', 'off', true);
    if v_count <= p_limits[i] and v_size <= 500000 then
      select array_agg(c.ctid), array_agg(c.id)
      into v_places, v_ids
      from (
        select q.ctid, q.id
        from public.steadytext_queue as q
        where q.run_at is null and q.status = 'pending' and q.function_name = p_function_names[i] and q.model = p_models[i]
        order by q.username, q.priority desc, q.created_at, q.id
        limit p_limits[i]
        for no key update skip locked
      ) as c;
    end if;
    if v_places is null then
      perform lamplighter.require_lease(p_worker_id);
      return query select p_function_names[i], p_models[i], null::bigint, null::uuid, null, null::jsonb, 0, 0::bigint, 0, 0, null;
      return;
    end if;
    return query select t.* from lamplighter.claim_locked(p_worker_id, p_claim_number, v_places, v_ids) as t;
    return;
  end loop;
end
$$;
