-- lamplighter.build_capture (worker)
-- Makes the job's capture function, or makes it again where the table has changed, and returns its name; is_changed tells which. Null: a
-- column is missing. The login that calls may make the trigger. Needs no lock on the table: the function is used from the next firing on.
create or replace function lamplighter.build_capture(p_job bigint) returns table (name text, is_changed boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_source text;
begin
  select j.capture_name into name
  from lamplighter.embedding_job as j
  where j.id = p_job and j.state <> 'canceled'
  for no key update;
  v_source := lamplighter.read_capture_source(p_job);
  if name is null or v_source is null then
    return;
  end if;
  is_changed := not exists (
    select 1 from pg_proc as p where p.pronamespace = 'lamplighter'::regnamespace and p.proname = name and p.prosrc = v_source);
  if is_changed then
    execute format('create or replace function lamplighter.%I() returns trigger language plpgsql volatile security definer as %L', name, v_source);
    execute format('revoke all on function lamplighter.%I() from public', name);
  end if;
  if not has_function_privilege(session_user, format('lamplighter.%I()', name), 'EXECUTE') then
    execute format('grant execute on function lamplighter.%I() to %I', name, session_user);
  end if;
  return next;
end
$$;
