-- lamplighter.declare_deaths (worker)
-- Declares dead the processes whose lease ran out, workers and daemons, and notes what was in flight with them and which request find_charged charges.
-- p_reachable_ms is for how long the caller has known the server to be reachable, and its clock to go evenly: silence before that
-- proves nothing. Null: always. p_now_ms (since 1970) is the time for which it knows that, and as of which silence is judged: the
-- clock may have been set since. Null: now. p_ended: processes of the caller's
-- login that have ended for certain: a quarter of the lease is waited for them.
create or replace function lamplighter.declare_deaths(
  p_reachable_ms double precision default null,
  p_now_ms double precision default null,
  p_ended uuid[] default '{}'
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
declare
  v_now constant timestamptz := least(clock_timestamp(), to_timestamp(p_now_ms / 1000.0));
begin
  -- Left by a clock that has been set back: silence would go unnoticed until it got there again.
  with early as materialized (
    select w.worker_id
    from lamplighter.worker as w
    where w.status in ('running', 'sleeping', 'stopping') and w.last_heartbeat > clock_timestamp() + interval '1 second'
    for no key update skip locked
  )
  update lamplighter.worker as w
  set last_heartbeat = clock_timestamp()
  from early
  where w.worker_id = early.worker_id;

  with silent as materialized (
    select w.worker_id
    from lamplighter.worker as w
    where w.status in ('running', 'sleeping', 'stopping')
      -- Nobody could renew a lease while the server was away.
      and (greatest(w.last_heartbeat, case when pg_postmaster_start_time() < v_now then pg_postmaster_start_time() end,
                    v_now - make_interval(secs => p_reachable_ms / 1000.0))
           < v_now - make_interval(secs => w.lease_ms / 1000.0)
        -- Where the host is a copy of a virtual machine, another may live under what that one was known by: it would have been heard of.
        or (w.worker_id = any (p_ended) and w.username = session_user::text collate "C"
          and w.last_heartbeat < v_now - make_interval(secs => w.lease_ms / 4000.0)))
    for no key update skip locked
  )
  update lamplighter.worker as w
  set status = 'dead',
      died_at = clock_timestamp(),
      in_flight_at_death = (select count(*) from lamplighter.list_in_flight(w.worker_id)),
      charged_id = lamplighter.find_charged(w.worker_id)
  from silent
  where w.worker_id = silent.worker_id;
end
$$;
