-- lamplighter.cancel_embedding_job (worker)
-- Stops a job at once: batches in flight write nothing any more, and capture does nothing from its next firing on. That needs no lock on
-- the user's table; dropping the trigger does, which is left to drop_captures. False: no such job, or canceled already.
create or replace function lamplighter.cancel_embedding_job(p_job bigint) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_capture_name text;
begin
  update lamplighter.embedding_job as j
  set state = 'canceled',
      reason = null,
      generation = j.generation + 1
  where j.id = p_job and j.state <> 'canceled'
  returning j.capture_name into v_capture_name;
  if not found then
    return false;
  end if;
  if to_regprocedure(format('lamplighter.%I()', v_capture_name)) is not null then
    execute format(
      'create or replace function lamplighter.%I() returns trigger language plpgsql as $body$ begin return null; end $body$',
      v_capture_name);
  end if;
  delete from lamplighter.change as c where c.job = p_job;
  delete from lamplighter.capture_full as f where f.job = p_job;
  delete from lamplighter.embedding_batch as b where b.job = p_job;
  -- Of rows that were to be tried again; what becomes of them meanwhile is not captured.
  delete from lamplighter.embedding_failure as f where f.job = p_job and not f.is_final;
  update lamplighter.embedding_progress as p
  set is_pass_due = true, pass_relations = null, pass_tid = null, served_by = null
  where p.job = p_job;
  return true;
end
$$;
