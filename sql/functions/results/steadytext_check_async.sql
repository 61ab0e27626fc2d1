-- public.steadytext_check_async (caller)
create or replace function public.steadytext_check_async(request_id uuid)
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
