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

create function public.steadytext_prune(older_than interval) returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_pruned bigint;
begin
  if older_than is null or older_than < interval '0' then
    raise exception 'older_than must be an interval of zero or more, such as ''7 days''' using errcode = '22023';
  end if;
  -- What somebody else has locked is left for the next call.
  with old as materialized (
    select q.id
    from public.steadytext_queue as q
    where q.status in ('completed', 'failed', 'cancelled')
      and coalesce(q.completed_at, q.created_at) < now() - older_than
    for update skip locked
  )
  delete from public.steadytext_queue as q
  using old
  where q.id = old.id;
  get diagnostics v_pruned = row_count;
  return v_pruned;
end
$$;

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
comment on function public.steadytext_embedding(uuid) is 'The vector of a completed embed request; NULL while there is none.';
