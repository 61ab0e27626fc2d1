-- lamplighter.prune_requests (worker)
-- Scans the p_limit requests after p_after_id in the order of their ids, and deletes those that ended more than p_older_than ago;
-- their cached answers go with them. So that a call costs the same whatever the size of the table, it is the caller who goes on:
-- from last_id, which is null at the end of the table. is_young tells that all that was scanned was queued since, and so most likely
-- all that comes after. What may not be deleted is passed over and counted in held, with one of them and the reason.
create or replace function lamplighter.prune_requests(p_older_than interval, p_after_id bigint, p_limit integer)
returns table (scanned bigint, pruned bigint, held bigint, held_request_id uuid, held_reason text, last_id bigint, is_young boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set lock_timeout = '200ms' set row_security = off as $$
#variable_conflict use_column
declare
  v_before constant timestamptz := now() - p_older_than;
  v_window record;
  v_step record;
begin
  select count(*) as scanned, max(w.id) as last_id, coalesce(bool_and(w.created_at >= v_before), true) as is_young,
         coalesce(array_agg(w.id order by w.id) filter (
           where w.status in ('completed', 'failed', 'cancelled') and coalesce(w.completed_at, w.created_at) < v_before), '{}') as ids
  into v_window
  from (
    select q.id, q.status, q.created_at, q.completed_at
    from public.steadytext_queue as q
    where q.id > p_after_id
    order by q.id
    limit p_limit
  ) as w;
  select * into v_step from lamplighter.prune_listed(v_window.ids, v_before, 500, 2);
  return query
    select v_window.scanned, v_step.pruned, v_step.held,
           (select q.request_id from public.steadytext_queue as q where q.id = v_step.held_id), v_step.held_reason,
           case when v_step.last_id < v_window.ids[cardinality(v_window.ids)] then v_step.last_id
                when v_window.scanned = p_limit then v_window.last_id end,
           v_window.is_young;
end
$$;
