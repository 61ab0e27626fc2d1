-- lamplighter.claim_locked (internal)
-- Claims for a worker the requests that the caller has just locked, by their places (p_places), which cannot change while they are
-- locked: by id, each would be looked up once more. p_ids, in parallel, are added to the claim of that number. Requests are taken in that
-- order, so that started_at tells it. Raises as require_lease does: the statement that takes looks the lease up, as one of its own cost
-- 20 us.
create or replace function lamplighter.claim_locked(p_worker_id uuid, p_claim_number bigint, p_places tid[], p_ids bigint[])
returns table (
  function_name text,
  model text,
  id bigint,
  request_id uuid,
  username text,
  parameters jsonb,
  priority integer,
  created_us bigint,
  attempt integer,
  retry_count integer,
  traceparent text
)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
    update public.steadytext_queue as q
    set status = 'processing',
        started_at = clock_timestamp(),
        worker_id = p_worker_id,
        attempt = q.attempt + 1,
        run_at = '9000-01-01 00:00+00'
    from unnest(p_places) as r (place)
    where q.ctid = r.place
      and exists (
        select 1 from lamplighter.worker as w
        where w.worker_id = p_worker_id
          and w.status in ('running', 'sleeping', 'stopping')
          and (w.username = session_user::text collate "C"
               or pg_has_role(session_user, (select c.relowner from pg_class as c where c.oid = 'public.steadytext_queue'::regclass), 'USAGE')))
    returning q.function_name, q.model, q.id, q.request_id, q.username, q.parameters, q.priority,
              (extract(epoch from q.created_at) * 1000000)::bigint, q.attempt, q.retry_count, q.traceparent;
  if not found then
    perform lamplighter.require_lease(p_worker_id);
  end if;
  insert into lamplighter.claim as c (worker_id, claim_number, ids)
  values (p_worker_id, p_claim_number, p_ids)
  on conflict on constraint claim_pkey do update set ids = c.ids || excluded.ids;
end
$$;
