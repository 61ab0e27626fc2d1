-- lamplighter.scan_requests (caller)
-- The ids of requests that match, newest first: of those below p_before, up to p_limit, after reading p_scan rows at most, whatever the
-- filter. next_before is where to go on; null at the end. With p_ids it reads those only.
-- p_filter: id (a number or a request_id), status, function, model, role, batch, worker, since, until, error; all that is given must
-- hold. p_statuses narrows it further; null does not. Who asks sees what row-level security shows.
create or replace function lamplighter.scan_requests(
  p_filter jsonb,
  p_statuses text[],
  p_before bigint,
  p_scan integer,
  p_limit integer,
  p_ids bigint[] default null
) returns table (ids bigint[], next_before bigint)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  v_id constant text := p_filter ->> 'id';
  v_status constant text := p_filter ->> 'status';
  v_function constant text := p_filter ->> 'function';
  v_model constant text := p_filter ->> 'model';
  v_role constant text := p_filter ->> 'role';
  v_batch constant uuid := p_filter ->> 'batch';
  v_worker constant uuid := p_filter ->> 'worker';
  v_since constant timestamptz := p_filter ->> 'since';
  v_until constant timestamptz := p_filter ->> 'until';
  v_error constant text := '%' || replace(replace(replace(p_filter ->> 'error', E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_') || '%';
  v_ids bigint[] := p_ids;
  v_floor bigint;
begin
  if v_ids is null and v_id is not null then
    v_ids := case
      when v_id ~ '^[0-9]+$' then array[v_id::bigint]
      else array(select q.id from public.steadytext_queue as q where q.request_id = v_id::uuid)
    end;
  end if;
  if v_ids is null and v_batch is not null then
    v_ids := array(select q.id from public.steadytext_queue as q where q.batch_id = v_batch limit p_scan);
    if cardinality(v_ids) = p_scan then
      v_ids := null;
    end if;
  end if;
  if v_ids is null then
    v_floor := lamplighter.find_request_floor(p_before, p_scan);
    ids := array(
      select q.id
      from public.steadytext_queue as q
      where q.id < p_before
        and q.id >= coalesce(v_floor, -9223372036854775808)
        and (v_status is null or q.status = v_status)
        and (p_statuses is null or q.status = any (p_statuses))
        and (v_function is null or q.function_name = v_function)
        and (v_model is null or q.model = v_model)
        and (v_role is null or q.username = v_role)
        and (v_batch is null or q.batch_id = v_batch)
        and (v_worker is null or q.worker_id = v_worker)
        and (v_since is null or q.created_at >= v_since)
        and (v_until is null or q.created_at < v_until)
        and (v_error is null or q.error ilike v_error)
      order by q.id desc
      limit p_limit);
  else
    ids := array(
      select q.id
      from public.steadytext_queue as q
      where q.id = any (v_ids)
        and q.id < p_before
        and (v_id is null or q.id::text = v_id or q.request_id::text = lower(v_id))
        and (v_status is null or q.status = v_status)
        and (p_statuses is null or q.status = any (p_statuses))
        and (v_function is null or q.function_name = v_function)
        and (v_model is null or q.model = v_model)
        and (v_role is null or q.username = v_role)
        and (v_batch is null or q.batch_id = v_batch)
        and (v_worker is null or q.worker_id = v_worker)
        and (v_since is null or q.created_at >= v_since)
        and (v_until is null or q.created_at < v_until)
        and (v_error is null or q.error ilike v_error)
      order by q.id desc
      limit p_limit);
  end if;
  next_before := case when cardinality(ids) = p_limit then ids[p_limit] else v_floor end;
  return next;
end
$$;
