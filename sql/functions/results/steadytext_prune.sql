-- public.steadytext_prune (caller)
create or replace function public.steadytext_prune(older_than interval) returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_before constant timestamptz := now() - older_than;
  v_id bigint;
  v_ids bigint[] := '{}';
  v_step record;
  v_pruned bigint := 0;
  v_held bigint := 0;
  v_held_id bigint;
  v_reason text;
begin
  if older_than is null or older_than < interval '0' then
    raise exception 'older_than must be an interval of zero or more, such as ''7 days''' using errcode = '22023';
  end if;
  -- What somebody else has locked is left for the next call. The null at the end is for what is left of the last batch.
  for v_id in
    select q.id
    from public.steadytext_queue as q
    where q.status in ('completed', 'failed', 'cancelled') and coalesce(q.completed_at, q.created_at) < v_before
    union all
    select null
  loop
    if v_id is not null then
      v_ids := v_ids || v_id;
      continue when cardinality(v_ids) < 5000;
    end if;
    select * into v_step from lamplighter.prune_listed(v_ids, v_before, null, null);
    v_pruned := v_pruned + v_step.pruned;
    v_held := v_held + v_step.held;
    v_held_id := coalesce(v_held_id, v_step.held_id);
    v_reason := coalesce(v_reason, v_step.held_reason);
    v_ids := '{}';
  end loop;
  if v_held > 0 then
    raise notice 'Requests that could not be deleted: %, one of them is %: %', v_held,
      (select q.request_id from public.steadytext_queue as q where q.id = v_held_id), v_reason;
  end if;
  return v_pruned;
end
$$;

comment on function public.steadytext_prune(interval) is
  'Deletes old ended requests of yours and returns their number. older_than: their least age since the end.';
