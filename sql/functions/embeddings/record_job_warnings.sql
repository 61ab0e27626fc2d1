-- lamplighter.record_job_warnings (worker)
-- Notes for embedding_status what a job's user should know, as sentences; writes nothing where they are the same.
create or replace function lamplighter.record_job_warnings(p_job bigint, p_warnings text[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update lamplighter.embedding_job as j
  set warnings = p_warnings
  where j.id = p_job and j.warnings <> p_warnings;
$$;
