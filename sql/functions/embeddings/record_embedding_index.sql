-- lamplighter.record_embedding_index (worker)
-- Notes for embedding_status how the index on a job's vectors is: waiting, building with its percent, built, or failed with the reason.
-- Null: the job asks for none.
create or replace function lamplighter.record_embedding_index(
  p_job bigint,
  p_state text,
  p_name text default null,
  p_percent double precision default null,
  p_reason text default null
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_state is null then
    delete from lamplighter.embedding_index as x where x.job = p_job;
    return;
  end if;
  insert into lamplighter.embedding_index as x (job, state, name, percent, reason)
  select j.id, p_state, p_name, p_percent, p_reason
  from lamplighter.embedding_job as j
  where j.id = p_job
  on conflict on constraint embedding_index_pkey do update
  set state = excluded.state, name = excluded.name, percent = excluded.percent, reason = excluded.reason, changed_at = clock_timestamp()
  where (x.state, x.name, x.percent, x.reason) is distinct from (excluded.state, excluded.name, excluded.percent, excluded.reason);
end
$$;
