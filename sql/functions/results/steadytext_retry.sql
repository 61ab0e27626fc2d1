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
  'Makes a failed request of yours pending again, with fresh attempts; true if it had failed. request_id: what an async function returned.';
