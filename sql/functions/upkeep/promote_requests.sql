-- lamplighter.promote_requests (worker)
-- Makes ready the requests whose delay is over, or gives them back to their quarantine, and wakes the workers; how
-- many. Where one cannot be changed, as a
-- trigger or the like refuses it, smaller parts are tried until it stands alone: it is passed over and counted in refused, with one of
-- them and the reason.
create or replace function lamplighter.promote_requests(
  p_limit integer,
  out promoted bigint,
  out refused bigint,
  out refused_request_id uuid,
  out refused_reason text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set row_security = off as $$
declare
  -- A constant, as a volatile function is no bound of an index scan.
  v_now constant timestamptz := clock_timestamp();
  v_ids bigint[];
  v_position integer := 1;
  v_size integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_ids := array(
    select q.id
    from public.steadytext_queue as q
    where q.run_at < '9000-01-01 00:00+00' and q.run_at <= v_now and q.status = 'pending'
    order by q.run_at
    limit p_limit
    for no key update skip locked);
  v_size := cardinality(v_ids);
  promoted := 0;
  refused := 0;
  while v_position <= cardinality(v_ids) loop
    begin
      update public.steadytext_queue as q
      set run_at = case when exists (select 1 from lamplighter.quarantine as d where d.id = q.id and d.deaths >= 2)
                        then timestamptz '9000-01-01 00:00+00' end
      where q.id = any (v_ids[v_position : v_position + v_size - 1]);
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
        refused := refused + 1;
        refused_request_id := (select q.request_id from public.steadytext_queue as q where q.id = v_ids[v_position]);
        refused_reason := sqlerrm;
        v_position := v_position + 1;
      end if;
    end;
  end loop;
  promoted := cardinality(v_ids) - refused;
  if promoted > 0 then
    perform lamplighter.wake_workers('requests');
  end if;
end
$$;
