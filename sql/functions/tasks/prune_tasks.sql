-- lamplighter.prune_tasks (worker)
-- Deletes up to p_limit tasks that ended longer than p_older_than ago; returns how many. What somebody has locked is left for the next
-- time, and what comes after it is not: rows that stay locked hold up no others.
create or replace function lamplighter.prune_tasks(p_older_than interval, p_limit integer default 10000) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set lock_timeout = '100ms'
set row_security = off as $$
declare
  -- A constant, so that the index ends the search.
  v_before constant timestamptz := clock_timestamp() - p_older_than;
  v_count integer;
begin
  delete from lantern.tasks as t
  where t.jobid = any (array(
    select p.jobid
    from lamplighter.task_run as r
    join lantern.tasks as p on p.jobid = r.jobid
    where r.finished_at < v_before and r.is_projected and p.status is not null
    order by r.finished_at
    limit p_limit
    for update of p skip locked));
  get diagnostics v_count = row_count;
  return v_count;
exception when lock_not_available then
  return 0;
end
$$;
