-- lamplighter.prune_workers (worker)
-- Deletes the rows of workers that ended long ago, and of duties that nobody has done since. One that somebody has locked is left for
-- the next time.
create or replace function lamplighter.prune_workers(p_older_than interval) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_pruned bigint;
begin
  delete from lamplighter.worker as w
  where w.worker_id = any (array(
    select old.worker_id
    from lamplighter.worker as old
    where old.status in ('stopped', 'dead')
      and old.last_heartbeat < now() - p_older_than
      and not exists (select 1 from lamplighter.claim as c where c.worker_id = old.worker_id)
    for update skip locked));
  get diagnostics v_pruned = row_count;
  delete from lamplighter.duty as d
  where d.name = any (array(
    select old.name from lamplighter.duty as old where old.claimed_at < now() - p_older_than for update skip locked));
  return v_pruned;
end
$$;
