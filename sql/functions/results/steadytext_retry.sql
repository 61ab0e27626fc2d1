-- public.steadytext_retry (caller)
create or replace function public.steadytext_retry(request_id uuid) returns boolean
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
