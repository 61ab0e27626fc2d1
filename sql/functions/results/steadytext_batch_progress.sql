-- public.steadytext_batch_progress (caller)
create or replace function public.steadytext_batch_progress(batch_id uuid)
returns table (
  total bigint,
  pending bigint,
  processing bigint,
  completed bigint,
  failed bigint,
  cancelled bigint
)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select count(*),
         count(*) filter (where q.status = 'pending'),
         count(*) filter (where q.status = 'processing'),
         count(*) filter (where q.status = 'completed'),
         count(*) filter (where q.status = 'failed'),
         count(*) filter (where q.status = 'cancelled')
  from public.steadytext_queue as q
  where q.batch_id = $1
$$;

comment on function public.steadytext_batch_progress(uuid) is
  'Counts the requests of a batch of yours by state. batch_id: the value of the column batch_id of its rows.';
