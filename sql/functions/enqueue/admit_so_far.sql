-- lamplighter.admit_so_far (internal)
-- The limit is checked at the end of a statement (admit_and_wake), and this far before it: until then all that a statement of a million rows has
-- inserted stands, visible to nobody, in the way of every claim and count. What a transaction has queued itself it keeps in mind, in thousands:
-- others do not see it, so that their counts lower the bound while it goes on.
create or replace function lamplighter.admit_so_far() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_limit constant bigint := lamplighter.effective_setting('max_queue_size');
  v_own constant bigint := 1000
    + coalesce(substring(current_setting('lamplighter.queued_so_far', true) from '^[0-9]{1,12}$'), '0')::bigint;
begin
  perform set_config('lamplighter.queued_so_far', v_own::text, true);
  -- As at the end, nothing is counted before the bound has passed the limit.
  if v_limit > 0 and (v_own > v_limit or lamplighter.read_pending_bound() not between 0 and v_limit)
      and lamplighter.measure_pending(v_limit) > v_limit then
    raise exception 'Queue is full: at most % requests may be pending', v_limit using errcode = '53400',
      hint = 'Queue a table in chunks with CALL steadytext_embed_table(..), queue fewer at once, or ' || lamplighter.explain_queue_limit();
  end if;
  return new;
end
$$;

-- After fill_insert, by its name, which may issue the id.
create or replace trigger limit_insert before insert on public.steadytext_queue
  for each row
  when (new.id % 1000 = 0)
  execute function lamplighter.admit_so_far();
