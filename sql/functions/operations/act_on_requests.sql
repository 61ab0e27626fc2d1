-- lamplighter.act_on_requests (caller)
-- Retries, cancels or deletes those of the requests that match p_filter (see scan_requests) and to which that can be done, with the rights
-- of who asks. outcome: 'done'; 'changed', it does not match, or is past that; 'gone'; 'held', another transaction has it locked;
-- 'refused', a constraint or a trigger does not let it happen, with the reason. One row for each id.
-- Locks in the order of the ids, and waits for nobody.
create or replace function lamplighter.act_on_requests(p_action text, p_ids bigint[], p_filter jsonb)
returns table (id bigint, outcome text, reason text)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off set lock_timeout = '200ms' as $$
#variable_conflict use_column
declare
  v_top constant bigint := 9223372036854775807;
  v_many constant integer := greatest(cardinality(p_ids), 1) + 1;
  v_statuses constant text[] := case p_action
    when 'retry' then array['failed']
    when 'cancel' then array['pending', 'processing']
    when 'delete' then array['completed', 'failed', 'cancelled']
  end;
  v_seen constant bigint[] := array(select q.id from public.steadytext_queue as q where q.id = any (p_ids));
  v_free bigint[];
  v_matching bigint[];
  v_left bigint[];
  v_id bigint;
  v_reason text;
begin
  if v_statuses is null then
    raise exception 'Unknown action "%"', left(p_action, 100) using errcode = '22023', hint = 'Actions are retry, cancel and delete.';
  end if;
  if p_action = 'delete' then
    v_free := v_seen;
    v_matching := (lamplighter.scan_requests(p_filter, v_statuses, v_top, v_many, v_many, v_free)).ids;
    v_reason := (lamplighter.prune_listed(v_matching, 'infinity', 500, 2)).held_reason;
    v_left := array(select q.id from public.steadytext_queue as q where q.id = any (v_matching));
    v_matching := array(select m from unnest(v_matching) as m where m <> all (v_left));
    return query select m, case when v_reason is null then 'held' else 'refused' end, v_reason from unnest(v_left) as m;
  else
    v_free := array(
      select q.id from public.steadytext_queue as q where q.id = any (v_seen) order by q.id for no key update skip locked);
    v_matching := (lamplighter.scan_requests(p_filter, v_statuses, v_top, v_many, v_many, v_free)).ids;
    begin
      update public.steadytext_queue as q
      set status = case p_action when 'retry' then 'pending' else 'cancelled' end,
          retry_count = case p_action when 'retry' then 0 else q.retry_count end
      where q.id = any (v_matching);
    exception when others then
      if left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX') then
        raise;
      end if;
      -- Something of the user's refuses one of them: each for itself.
      v_left := v_matching;
      v_matching := '{}';
      foreach v_id in array v_left loop
        begin
          update public.steadytext_queue as q
          set status = case p_action when 'retry' then 'pending' else 'cancelled' end,
              retry_count = case p_action when 'retry' then 0 else q.retry_count end
          where q.id = v_id;
          v_matching := v_matching || v_id;
        exception when others then
          if left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX') then
            raise;
          end if;
          return query select v_id, 'refused', sqlerrm;
        end;
      end loop;
    end;
  end if;
  return query
    select m, 'done', null from unnest(v_matching) as m
    union all
    select s, 'changed', null from unnest(v_free) as s where s <> all (v_matching) and s <> all (coalesce(v_left, '{}'))
    union all
    select s, 'held', null from unnest(v_seen) as s where s <> all (v_free)
    union all
    select p, 'gone', null from unnest(p_ids) as p where p <> all (v_seen);
end
$$;
