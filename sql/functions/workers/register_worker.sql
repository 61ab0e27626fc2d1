-- lamplighter.register_worker (worker)
-- Makes a process known and grants it a lease: of kind worker, which serves requests of p_lanes (none: only tasks), or daemon.
create or replace function lamplighter.register_worker(
  p_hostname text,
  p_pid integer,
  p_version text,
  p_lanes text[],
  p_concurrency integer,
  p_lease_ms integer,
  p_kind text default 'worker',
  p_process_id uuid default null,
  p_host_process text default null
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_worker_id uuid;
begin
  -- Whoever had a longer one could hold requests for ever; a shorter one is over before the heartbeat comes.
  if p_lease_ms is null or p_lease_ms not between 1000 and 3600000 then
    raise exception 'A lease must be between 1 s and 1 h, not % ms', coalesce(p_lease_ms::text, 'NULL') using errcode = '22023';
  end if;
  insert into lamplighter.worker as w (kind, process_id, hostname, pid, host_process, version, functions, lanes, concurrency, lease_ms)
  values (p_kind, p_process_id, p_hostname, p_pid, p_host_process, p_version,
          array(select distinct split_part(lane, ':', 1) from unnest(p_lanes) as lane order by 1), p_lanes, p_concurrency, p_lease_ms)
  returning w.worker_id into v_worker_id;
  return v_worker_id;
end
$$;
