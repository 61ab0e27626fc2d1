-- lamplighter.project_tasks (worker)
-- Writes up to p_limit ended runs into lantern.tasks that could not be written as they ended, because somebody had the table or the row
-- locked. Returns how many were written; what is locked still is left for the next time.
create or replace function lamplighter.project_tasks(p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  v_run_id bigint;
  v_projected integer := 0;
  v_failures integer := 0;
begin
  for v_run_id in
    select r.run_id
    from lamplighter.task_run as r
    where r.finished_at is not null and not r.is_projected
    order by r.run_id
    limit p_limit
    for no key update skip locked
  loop
    if lamplighter.project_task(v_run_id) then
      v_projected := v_projected + 1;
    else
      -- Each attempt at a table that is locked takes 10 ms.
      v_failures := v_failures + 1;
      exit when v_failures > 20 and v_projected = 0;
    end if;
  end loop;
  return v_projected;
end
$$;
