-- lamplighter.admit_and_wake (internal)
-- Fires once an INSERT statement. The bound costs no count; only where it has passed the limit is counted, as far as the limit.
create or replace function lamplighter.admit_and_wake() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_limit constant bigint := lamplighter.effective_setting('max_queue_size');
begin
  if v_limit > 0 and lamplighter.read_pending_bound() not between 0 and v_limit and lamplighter.measure_pending(v_limit) > v_limit then
    raise exception 'Queue is full: at most % requests may be pending', v_limit using errcode = '53400',
      hint = 'Wait until workers have caught up, start more of them, or ' || lamplighter.explain_queue_limit();
  end if;
  perform lamplighter.wake_workers('requests');
  return null;
end
$$;

create or replace trigger admit_and_wake after insert on public.steadytext_queue
  for each statement
  execute function lamplighter.admit_and_wake();
