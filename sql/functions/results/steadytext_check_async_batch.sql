-- public.steadytext_check_async_batch (caller)
create or replace function public.steadytext_check_async_batch(request_ids uuid[])
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
  'The states of several requests of yours, in the order of the ids; unknown ids give no row. request_ids: what async functions returned.';
