-- lamplighter.adopt_autonomous (caller)
-- Copies the answer of an autonomous row to the calling transaction's own row. A failure cannot be copied: the error that tells
-- of it takes back all that was written since the block that catches it began.
create or replace function lamplighter.adopt_autonomous(p_origin_id uuid, p_request_id uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with adopted as (
    update public.steadytext_queue as origin
    set status = done.status,
        result = done.result,
        started_at = done.started_at,
        completed_at = done.completed_at,
        retry_count = done.retry_count,
        worker_id = done.worker_id,
        attempt = done.attempt
    from public.steadytext_queue as done
    where origin.request_id = p_origin_id
      and origin.status = 'pending'
      and lamplighter.is_own_write(origin.xmin)
      and done.request_id = p_request_id
      and done.batch_id = p_origin_id
      and done.username = origin.username
      and done.function_name = origin.function_name
      and done.parameters = origin.parameters
      and done.model = origin.model
      and done.status = 'completed'
    returning origin.request_id, origin.function_name, origin.status
  )
  select lamplighter.announce_completion(a.request_id, a.function_name, a.status)
  from adopted as a
$$;
