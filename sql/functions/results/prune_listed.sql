-- lamplighter.prune_listed (caller)
-- Deletes those of the requests that ended before p_ended_before, in order; rows that somebody has locked stay. One statement deletes all
-- where nothing refers to requests. Where something does, or has a trigger of its own, batches as large as go well find the rows that may
-- not be deleted, and everything else goes: the former are counted in held, with one of them and the reason. The function stops after
-- p_failures deletes that failed, or when p_seconds are over; last_id is the last request that was dealt with. Null bounds: it goes on to
-- the end, in a transaction of the caller's, whose constraints are left as they are.
create or replace function lamplighter.prune_listed(
  p_ids bigint[],
  p_ended_before timestamptz,
  p_failures integer,
  p_seconds double precision,
  out pruned bigint,
  out held bigint,
  out held_id bigint,
  out held_reason text,
  out last_id bigint
)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_ids bigint[] := p_ids;
  v_free record;
  v_position integer := 1;
  -- A key without an index costs a look at its whole table for each request.
  v_size integer := 8;
  v_failures integer := 0;
  v_deleted bigint;
  v_checked text := 'all';
  v_deferred text;
  v_started timestamptz;
  v_until constant timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
  v_is_plain constant boolean := not exists (
      select 1 from pg_constraint as k where k.confrelid = 'public.steadytext_queue'::regclass and k.contype = 'f')
    and not exists (
      select 1 from pg_trigger as t
      where t.tgrelid = 'public.steadytext_queue'::regclass and not t.tgisinternal and t.tgtype & 8 <> 0 and t.tgenabled <> 'D');
begin
  pruned := 0;
  held := 0;
  if v_is_plain then
    v_size := greatest(1, cardinality(v_ids));
  else
    select * into v_free from lamplighter.list_unreferenced(v_ids, v_until);
    held := cardinality(v_ids) - cardinality(v_free.p_ids);
    held_id := v_free.held_id;
    held_reason := v_free.held_reason;
    v_ids := v_free.p_ids;
    if p_seconds is null then
      select string_agg(format('%I.%I', n.nspname, k.conname), ', '),
             string_agg(format('%I.%I', n.nspname, k.conname), ', ') filter (where k.condeferred)
      into v_checked, v_deferred
      from pg_constraint as k
      join pg_namespace as n on n.oid = k.connamespace
      where k.confrelid = 'public.steadytext_queue'::regclass and k.contype = 'f' and k.condeferrable
        and has_schema_privilege(n.oid, 'usage');
      begin
        if v_checked is not null then
          execute 'set constraints ' || v_checked || ' immediate';
        end if;
        if v_deferred is not null then
          execute 'set constraints ' || v_deferred || ' deferred';
        end if;
      exception when integrity_constraint_violation then
        -- Of the transaction's own making, and for its end: no request is to blame.
        v_checked := null;
      end;
    end if;
  end if;
  while v_position <= cardinality(v_ids) loop
    v_started := clock_timestamp();
    if v_failures > p_failures or v_started > v_until then
      return;
    end if;
    begin
      with old as materialized (
        select q.ctid as place
        from public.steadytext_queue as q
        where q.id = any (v_ids[v_position : v_position + v_size - 1])
          and q.status in ('completed', 'failed', 'cancelled')
          and coalesce(q.completed_at, q.created_at) < p_ended_before
        for update skip locked
      )
      delete from public.steadytext_queue as q
      using old
      where q.ctid = old.place;
      get diagnostics v_deleted = row_count;
      if not v_is_plain then
        -- A constraint that is checked at the end of the transaction would fail there, with everything.
        if v_checked is not null then
          execute 'set constraints ' || v_checked || ' immediate';
        end if;
        if v_deferred is not null then
          execute 'set constraints ' || v_deferred || ' deferred';
        end if;
      end if;
      pruned := pruned + v_deleted;
      v_position := v_position + v_size;
      last_id := v_ids[least(v_position - 1, cardinality(v_ids))];
      v_size := case when clock_timestamp() - v_started < interval '0.2 seconds' then least(v_size * 2, 5000)
                     else greatest(v_size / 2, 1) end;
    exception when others then
      -- Of the server's making, and none of the requests'.
      if v_is_plain or left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX') then
        raise;
      end if;
      v_failures := v_failures + 1;
      if v_size > 1 then
        v_size := greatest(v_size / 4, 1);
      else
        -- What somebody has locked stays for the next time, also where it is a row that would go along.
        if left(sqlstate, 2) <> '55' then
          held := held + 1;
          held_id := coalesce(held_id, v_ids[v_position]);
          held_reason := coalesce(held_reason, sqlerrm);
        end if;
        last_id := v_ids[v_position];
        v_position := v_position + 1;
      end if;
    end;
  end loop;
  last_id := p_ids[cardinality(p_ids)];
end
$$;
