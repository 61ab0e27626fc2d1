-- lamplighter.renew_lease (worker)
-- Renews the lease, and forgets claims of which nothing is in flight any more. Not alive when the lease was lost already: the worker
-- must drop what is in flight and register again. Tells as well whether anything is in quarantine, which the worker then tries to claim,
-- the time of the server, the settings that hold, and whether claim_upkeep is late; and claims for the worker which of the duties that it
-- offers are due. The queue is left alone: somebody may have locked it for longer than a lease.
-- Lock order: workers, then claims, then duties.
create or replace function lamplighter.renew_lease(
  p_worker_id uuid,
  p_status text,
  p_concurrency integer,
  p_in_flight integer,
  p_processed bigint,
  p_failed bigint,
  p_settled_claims bigint[],
  p_troubles jsonb default '[]',
  p_duties text[] default '{}',
  p_intervals_ms double precision[] default '{}',
  p_memory_bytes bigint default null
) returns table (is_alive boolean, has_quarantined boolean, now_ms double precision, duties text[], is_upkeep_late boolean,
  settings jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_own_worker(p_worker_id);
  update lamplighter.worker as w
  set status = p_status,
      concurrency = p_concurrency,
      in_flight = p_in_flight,
      processed = p_processed,
      failed = p_failed,
      troubles = lamplighter.parse_troubles(p_troubles),
      memory_bytes = p_memory_bytes,
      last_heartbeat = clock_timestamp()
  where w.worker_id = p_worker_id
    and w.status in ('running', 'sleeping', 'stopping');
  is_alive := found;
  has_quarantined := is_alive and p_status = 'running' and exists (select 1 from lamplighter.quarantine as d where d.deaths >= 2);
  if is_alive then
    delete from lamplighter.claim as c
    where c.worker_id = p_worker_id and c.claim_number = any (p_settled_claims);
    duties := lamplighter.claim_duties(p_worker_id, p_duties, p_intervals_ms);
  end if;
  is_upkeep_late := is_alive and not exists (
    select 1 from lamplighter.duty as d where d.name = 'upkeep' and d.claimed_at > clock_timestamp() - interval '1500 milliseconds');
  select jsonb_agg(jsonb_build_object(
           'name', s.name,
           'value', lamplighter.effective_setting(s.name),
           'origin', case when s.server_value is not null then 'server' when s.value is not null then 'table' else 'default' end))
  into settings
  from lamplighter.setting as s;
  now_ms := extract(epoch from clock_timestamp()) * 1000;
  return next;
end
$$;
