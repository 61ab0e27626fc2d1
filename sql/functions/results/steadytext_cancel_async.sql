-- public.steadytext_cancel_async (caller)
create or replace function public.steadytext_cancel_async(request_id uuid) returns boolean
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
