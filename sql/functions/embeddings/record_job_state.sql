-- lamplighter.record_job_state (worker)
-- Notes for embedding_status how a job is: preparing, backfill, live, or failed with the reason. Work in flight goes on.
create or replace function lamplighter.record_job_state(p_job bigint, p_state text, p_reason text default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update lamplighter.embedding_job as j
  set state = p_state, reason = p_reason
  where j.id = p_job and j.state <> 'canceled' and (j.state, coalesce(j.reason, '')) <> (p_state, coalesce(p_reason, ''));
end
$$;
