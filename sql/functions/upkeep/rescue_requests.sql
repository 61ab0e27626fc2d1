-- lamplighter.rescue_requests (worker)
-- Declares silent workers dead by declare_deaths (p_reachable_ms, p_now_ms), and gives the requests that were in flight with dead workers
-- back by rescue_orphans. Where a row cannot be changed, as a trigger or the like refuses it, smaller parts are tried until the row stands
-- alone: it is returned unchanged, with status processing and the reason as its error. worker_status is 'dead' or 'stopped', or null for a
-- worker that is not known any more. Rows that somebody has locked are left for the next pass.
-- Lock order, here and wherever a worker calls: workers, requests by id, quarantine, claims; this function waits for none of them.
create or replace function lamplighter.rescue_requests(
  p_max_retries integer,
  p_reachable_ms double precision default null,
  p_now_ms double precision default null
) returns table (
  id bigint,
  request_id uuid,
  worker_id uuid,
  status text,
  is_charged boolean,
  is_quarantined boolean,
  function_name text,
  model text,
  error text,
  worker_status text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
#variable_conflict use_column
declare
  v_workers uuid[];
  v_ids bigint[];
  v_position integer := 1;
  v_size integer;
  v_rescued jsonb;
begin
  perform lamplighter.declare_deaths(p_reachable_ms, p_now_ms);

  v_workers := array(
    select distinct c.worker_id
    from lamplighter.claim as c
    where not exists (
      select 1 from lamplighter.worker as w
      where w.worker_id = c.worker_id and w.status in ('running', 'sleeping', 'stopping')));

  v_ids := array(
    select q.id
    from public.steadytext_queue as q
    left join lamplighter.worker as w on w.worker_id = q.worker_id
    where q.id = any (array(select unnest(c.ids) from lamplighter.claim as c where c.worker_id = any (v_workers)))
      and q.status = 'processing'
      and (w.worker_id is null or w.status in ('stopped', 'dead'))
    order by q.id
    limit 10000
    for no key update of q skip locked);
  v_size := cardinality(v_ids);
  while v_position <= cardinality(v_ids) loop
    begin
      -- Rows that were returned before another is refused would stay returned: none is before all are done.
      v_rescued := lamplighter.rescue_orphans(v_ids[v_position : v_position + v_size - 1], p_max_retries);
      return query
        select r.id, r.request_id, r.worker_id, r.status, r.is_charged, r.status = 'pending' and r.deaths >= 2,
               r.function_name, r.model, r.error, w.status
        from jsonb_to_recordset(v_rescued) as r (
          id bigint, request_id uuid, worker_id uuid, status text, is_charged boolean, deaths integer, function_name text, model text,
          error text)
        left join lamplighter.worker as w on w.worker_id = r.worker_id;
      v_position := v_position + v_size;
      v_size := v_size * 2;
    exception when others then
      -- Of the server's making, and none of the requests'.
      if left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX') then
        raise;
      end if;
      if v_size > 1 then
        v_size := greatest(least(v_size, cardinality(v_ids) - v_position + 1) / 2, 1);
      else
        return query
          select q.id, q.request_id, q.worker_id, q.status, false, false, q.function_name, q.model, sqlerrm, null
          from public.steadytext_queue as q
          where q.id = v_ids[v_position];
        v_position := v_position + 1;
      end if;
    end;
  end loop;
  if cardinality(v_ids) > 0 then
    perform lamplighter.wake_workers('requests');
  end if;

  perform lamplighter.prune_quarantine();
  perform lamplighter.prune_claims(v_workers);
end
$$;
