-- lamplighter.drop_captures (worker)
-- Drops the capture functions of canceled and removed jobs, and with them their triggers, which takes the table for a moment: waits 50 ms
-- for each. Returns how many are left, as their tables are in use. What capture logged for jobs that are gone goes as well.
create or replace function lamplighter.drop_captures() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_function regprocedure;
  v_left integer := 0;
begin
  perform set_config('lock_timeout', '50ms', true);
  for v_function in
    select p.oid
    from pg_proc as p
    where p.pronamespace = 'lamplighter'::regnamespace
      and p.proname ~ '^capture_[0-9a-f]{32}$'
      and p.proowner = (select n.nspowner from pg_namespace as n where n.nspname = 'lamplighter')
      and not exists (select 1 from lamplighter.embedding_job as j where j.capture_name = p.proname and j.state <> 'canceled')
  loop
    begin
      execute format('drop function if exists %s cascade', v_function);
    exception when lock_not_available or deadlock_detected then
      v_left := v_left + 1;
    end;
  end loop;
  -- A trigger is dropped when all who have fired it are done: nothing more comes for them.
  if v_function is not null then
    delete from lamplighter.change as c
    where not exists (select 1 from lamplighter.embedding_job as j where j.id = c.job and j.state <> 'canceled');
  end if;
  return v_left;
end
$$;
