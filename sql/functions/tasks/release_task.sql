-- lamplighter.release_task (worker)
-- Gives up an attempt without a verdict: its session was never opened, was lost, or is given up as the worker stops. Returns what has
-- become of it, as settle_lost_run tells; 'running' while its backend is still there, when the worker has to ask again; null when the
-- attempt is no longer the worker's. p_is_charged: it counts as one of three. p_reason and p_delay_ms: why and for how long it waits.
create or replace function lamplighter.release_task(
  p_worker_id uuid,
  p_run_id bigint,
  p_attempt integer,
  p_reason text,
  p_delay_ms double precision,
  p_is_charged boolean
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set lock_timeout = '1s'
set row_security = off as $$
begin
  perform lamplighter.require_own_worker(p_worker_id);
  perform
  from lamplighter.task_run as r
  where r.run_id = p_run_id and r.worker_id = p_worker_id and r.attempt = p_attempt and r.state = 'running'
  for no key update;
  if not found then
    return null;
  end if;
  return lamplighter.settle_lost_run(p_run_id, p_is_charged, p_reason, p_delay_ms);
end
$$;
