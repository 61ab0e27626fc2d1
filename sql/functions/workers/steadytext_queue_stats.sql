-- public.steadytext_queue_stats (caller)
create or replace function public.steadytext_queue_stats()
returns table (
  function_name text,
  pending bigint,
  processing bigint,
  completed bigint,
  failed bigint,
  cancelled bigint,
  oldest_pending interval,
  avg_processing interval,
  p95_processing interval
)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select q.function_name,
         count(*) filter (where q.status = 'pending'),
         count(*) filter (where q.status = 'processing'),
         count(*) filter (where q.status = 'completed'),
         count(*) filter (where q.status = 'failed'),
         count(*) filter (where q.status = 'cancelled'),
         clock_timestamp() - min(q.created_at) filter (where q.status = 'pending'),
         avg(q.completed_at - q.started_at) filter (where q.status = 'completed'),
         percentile_cont(0.95) within group (order by q.completed_at - q.started_at) filter (where q.status = 'completed')
  from public.steadytext_queue as q
  -- Without the autonomous row of a request that was queued and waited for in one transaction, which took over its outcome.
  -- Autonomous rows have ids of version 4, others have them of version 7 unless the caller made them: most need no search.
  where q.batch_id is null
     or get_byte(uuid_send(q.request_id), 6) >> 4 <> 4
     or not exists (select 1 from public.steadytext_queue as origin where origin.request_id = q.batch_id)
  group by q.function_name
  order by q.function_name
$$;

comment on function public.steadytext_queue_stats() is
  'Counts, waits and run times of your requests by function; for the schema owner those of all roles. Reads the whole table.';
