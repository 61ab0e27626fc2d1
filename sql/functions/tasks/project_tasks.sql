-- lamplighter.project_tasks (worker)
-- Writes up to p_limit ended runs into lantern.tasks that could not be written as they ended, because somebody had the table or the row
-- locked. Returns how many were written; what is locked still is left for the next time, and what comes after it is not.
create or replace function lamplighter.project_tasks(p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off as $$
declare
  v_run_id bigint;
  v_projected integer := 0;
  v_started_at constant timestamptz := clock_timestamp();
begin
  for v_run_id in
    select r.run_id
    from lamplighter.task_run as r
    where r.finished_at is not null and not r.is_projected
    order by r.run_id
    for no key update skip locked
  loop
    if lamplighter.project_task(v_run_id) then
      v_projected := v_projected + 1;
      exit when v_projected = p_limit;
    else
      -- Each attempt at a table that is locked takes 10 ms.
      exit when v_projected = 0 and clock_timestamp() > v_started_at + interval '200 ms';
    end if;
  end loop;
  return v_projected;
end
$$;
