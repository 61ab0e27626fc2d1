-- lamplighter.record_deliveries (internal)
-- Does what record_delivery does, for what finish_requests has ended at p_completed_at.
create or replace function lamplighter.record_deliveries(p_ids bigint[], p_completed_at timestamptz) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  with chained as (
    delete from lamplighter.handler_chain as c
    using unnest(p_ids) as i (id)
    cross join lateral (
      select e.request_id
      from public.steadytext_queue as e
      where e.id = i.id and e.completed_at = p_completed_at
    ) as q
    where c.request_id = q.request_id
    returning c.request_id, c.depth
  )
  insert into lamplighter.delivery (handler_id, username, request_id, function_name, status, depth, failed_at, error)
  select h.handler_id, h.username, q.request_id, q.function_name, q.status, coalesce(c.depth, 0), f.failed_at, f.error
  from unnest(p_ids) as i (id)
  cross join lateral (
    select e.request_id, e.username, e.function_name, e.status
    from public.steadytext_queue as e
    where e.id = i.id and e.completed_at = p_completed_at
  ) as q
  join lamplighter.handler as h on not h.is_dropped and h.username = q.username and h.function_name in ('', q.function_name)
  left join chained as c on c.request_id = q.request_id
  cross join lateral lamplighter.explain_depth(c.depth) as f
  where not exists (select from lamplighter.autonomous_request as a where a.request_id = q.request_id)
  order by i.id, h.handler_id;
  if found then
    perform lamplighter.wake_workers('tasks');
  end if;
end
$$;
