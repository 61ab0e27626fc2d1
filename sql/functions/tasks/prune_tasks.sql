-- lamplighter.prune_tasks (worker)
-- Deletes up to p_limit tasks that ended longer than p_older_than ago; returns how many. What somebody has locked is left for the next time.
create or replace function lamplighter.prune_tasks(p_older_than interval, p_limit integer default 10000) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set lock_timeout = '100ms'
set row_security = off as $$
declare
  v_count integer;
begin
  delete from lantern.tasks as t
  where t.jobid = any (array(
    select p.jobid
    from lantern.tasks as p
    where p.status is not null and p.jobid = any (array(
      select r.jobid
      from lamplighter.task_run as r
      where r.finished_at < clock_timestamp() - p_older_than and r.is_projected
      order by r.finished_at
      limit p_limit))
    order by p.jobid
    for update skip locked));
  get diagnostics v_count = row_count;
  return v_count;
exception when lock_not_available then
  return 0;
end
$$;
