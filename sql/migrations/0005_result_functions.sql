-- 0005_result_functions (schema version 1): look at a request, cancel it, retry it, delete old ones.
-- All run as the caller: row-level security shows a role its own requests, the schema owner all of them.

-- The planner estimates with statistics of all rows, and EXPLAIN shows what it estimates: a caller could find out whether a text is
-- frequent among everybody's results. No query of ours has a condition on these, and ANALYZE need not read them.
alter table public.steadytext_queue
  alter column parameters set statistics 0,
  alter column result set statistics 0,
  alter column error set statistics 0;

create function public.steadytext_check_async(request_id uuid)
returns table (
  status text,
  result text,
  error text,
  created_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  priority integer
)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select q.status, q.result, q.error, q.created_at, q.started_at, q.completed_at, q.priority
  from public.steadytext_queue as q
  where q.request_id = $1
$$;
comment on function public.steadytext_check_async(uuid) is
  'The state of a request of yours; no row when there is none of that id. request_id: what an async function returned.';

create function public.steadytext_check_async_batch(request_ids uuid[])
returns table (
  request_id uuid,
  status text,
  result text,
  error text,
  created_at timestamptz,
  completed_at timestamptz
)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select q.request_id, q.status, q.result, q.error, q.created_at, q.completed_at
  from unnest($1) with ordinality as asked (request_id, position)
  join public.steadytext_queue as q on q.request_id = asked.request_id
  order by asked.position
$$;
comment on function public.steadytext_check_async_batch(uuid[]) is
  'The states of several requests of yours, in the order asked; what is not there gives no row. request_ids: what async functions returned.';

create function public.steadytext_cancel_async(request_id uuid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update public.steadytext_queue as q
  set status = 'cancelled'
  where q.request_id = steadytext_cancel_async.request_id
    and q.status in ('pending', 'processing');
  return found;
end
$$;
comment on function public.steadytext_cancel_async(uuid) is
  'Cancels a request of yours; true when it had not ended. request_id: what an async function returned.';

create function public.steadytext_retry(request_id uuid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update public.steadytext_queue as q
  set status = 'pending',
      retry_count = 0
  where q.request_id = steadytext_retry.request_id
    and q.status = 'failed';
  return found;
end
$$;
comment on function public.steadytext_retry(uuid) is
  'Takes a failed request of yours back to pending, with fresh attempts; true when it had failed. request_id: what an async function returned.';

-- Of these requests, those that no row refers to by a foreign key which forbids to delete them. Tables are read that belong to this
-- role or a superuser and have no policies: reading another's table could run their functions. What is not found here makes a delete fail.
create function lamplighter.list_unreferenced(inout p_ids bigint[], out held_id bigint, out held_reason text)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_key record;
  v_ids bigint[];
begin
  for v_key in
    select k.conname, k.conrelid::regclass as place, case c.relkind when 'r' then 'only ' else '' end as is_only,
           (select string_agg(format('f.%I operator(pg_catalog.=) q.%I', fa.attname, qa.attname), ' and ')
            from unnest(k.conkey, k.confkey) as pair (referring, referred)
            join pg_attribute as fa on fa.attrelid = k.conrelid and fa.attnum = pair.referring
            join pg_attribute as qa on qa.attrelid = k.confrelid and qa.attnum = pair.referred) as is_referring
    from pg_constraint as k
    join pg_class as c on c.oid = k.conrelid
    join pg_roles as r on r.oid = c.relowner
    where k.confrelid = 'public.steadytext_queue'::regclass and k.contype = 'f' and k.confdeltype in ('a', 'r') and k.conparentid = 0
      and (r.rolname = current_user or r.rolsuper) and not row_security_active(k.conrelid)
  loop
    begin
      execute format(
        'select array(
           select q.id
           from unnest($1) with ordinality as i (id, position)
           join public.steadytext_queue as q on q.id operator(pg_catalog.=) i.id
           where not exists (select 1 from %s%s as f where %s)
           order by i.position)', v_key.is_only, v_key.place, v_key.is_referring)
      into v_ids using p_ids;
    exception when insufficient_privilege or undefined_function then
      continue;
    end;
    if cardinality(v_ids) < cardinality(p_ids) then
      held_id := (select min(i.id) from unnest(p_ids) as i (id) left join unnest(v_ids) as v (id) on v.id = i.id where v.id is null);
      held_reason := format('foreign key constraint %I on table %s', v_key.conname, v_key.place);
      p_ids := v_ids;
    end if;
  end loop;
end
$$;

-- Deletes those of the requests that ended before p_ended_before, in order; what somebody has locked stays. Where nothing refers to
-- requests, in one statement. Where something does, or has a trigger of its own, in batches as large as go well, so that what may not be
-- deleted is found and everything else goes: it is counted in held, with one of them and the reason. Stops after p_failures deletes that
-- failed, or when p_seconds are over; last_id is the last request that was dealt with. Null: goes on to the end.
create function lamplighter.prune_listed(
  p_ids bigint[],
  p_ended_before timestamptz,
  p_failures integer,
  p_seconds double precision,
  out pruned bigint,
  out held bigint,
  out held_id bigint,
  out held_reason text,
  out last_id bigint
)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_ids bigint[] := p_ids;
  v_free record;
  v_position integer := 1;
  v_size integer := 50;
  v_failures integer := 0;
  v_deleted bigint;
  v_started timestamptz;
  v_until constant timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
  v_is_plain constant boolean := not exists (
      select 1 from pg_constraint as k where k.confrelid = 'public.steadytext_queue'::regclass and k.contype = 'f')
    and not exists (
      select 1 from pg_trigger as t
      where t.tgrelid = 'public.steadytext_queue'::regclass and not t.tgisinternal and t.tgtype & 8 <> 0 and t.tgenabled <> 'D');
begin
  pruned := 0;
  held := 0;
  if v_is_plain then
    v_size := greatest(1, cardinality(v_ids));
  else
    select * into v_free from lamplighter.list_unreferenced(v_ids);
    held := cardinality(v_ids) - cardinality(v_free.p_ids);
    held_id := v_free.held_id;
    held_reason := v_free.held_reason;
    v_ids := v_free.p_ids;
  end if;
  while v_position <= cardinality(v_ids) loop
    v_started := clock_timestamp();
    if v_failures > p_failures or v_started > v_until then
      return;
    end if;
    begin
      with old as materialized (
        select q.ctid as place
        from public.steadytext_queue as q
        where q.id = any (v_ids[v_position : v_position + v_size - 1])
          and q.status in ('completed', 'failed', 'cancelled')
          and coalesce(q.completed_at, q.created_at) < p_ended_before
        for update skip locked
      )
      delete from public.steadytext_queue as q
      using old
      where q.ctid = old.place;
      get diagnostics v_deleted = row_count;
      if not v_is_plain then
        -- A constraint that is checked at the end of the transaction would fail there, with everything.
        set constraints all immediate;
      end if;
      pruned := pruned + v_deleted;
      v_position := v_position + v_size;
      last_id := v_ids[least(v_position - 1, cardinality(v_ids))];
      v_size := case when clock_timestamp() - v_started < interval '0.2 seconds' then least(v_size * 2, 5000)
                     else greatest(v_size / 2, 1) end;
    exception when others then
      -- Of the server's making, and none of the requests'.
      if v_is_plain or left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX') then
        raise;
      end if;
      v_failures := v_failures + 1;
      if v_size > 1 then
        v_size := greatest(v_size / 4, 1);
      else
        held := held + 1;
        held_id := coalesce(held_id, v_ids[v_position]);
        held_reason := coalesce(held_reason, sqlerrm);
        last_id := v_ids[v_position];
        v_position := v_position + 1;
      end if;
    end;
  end loop;
  last_id := p_ids[cardinality(p_ids)];
end
$$;

create function public.steadytext_prune(older_than interval) returns bigint
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
  'Deletes requests of yours that have ended, and returns how many. older_than: how long ago they ended at least.';

-- Stable, so that ORDER BY the distance to it can use an index.
create function public.steadytext_embedding(request_id uuid) returns real[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_function_name text;
  v_status text;
  v_result text;
begin
  select q.function_name, q.status, q.result into v_function_name, v_status, v_result
  from public.steadytext_queue as q
  where q.request_id = steadytext_embedding.request_id;
  if not found then
    raise exception 'Request ID % not found', request_id;
  end if;
  if v_function_name <> 'embed' then
    raise exception 'Request % is not an embedding: it is %', request_id, v_function_name using errcode = '22023';
  end if;
  if v_status <> 'completed' then
    return null;
  end if;
  return translate(v_result, '[]', '{}')::real[];
end
$$;
comment on function public.steadytext_embedding(uuid) is 'The vector of a completed embed request of yours; NULL while there is none. request_id: what steadytext_embed_async returned.';
