-- lamplighter.claim_embedding_job (worker)
-- Takes a job's passes for a process, or keeps them; no row when another living one has them. is_due: a full pass is to be made, as capture
-- could not tell what changed, or somebody asked, or the job is new.
create or replace function lamplighter.claim_embedding_job(p_job bigint, p_holder uuid)
returns table (is_due boolean, number integer, is_full boolean, is_running boolean, found_rows bigint, started_at timestamptz,
  full_pass_at timestamptz, next_full_pass_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_lease(p_holder);
  return query
    update lamplighter.embedding_progress as p
    set served_by = p_holder, served_at = clock_timestamp()
    where p.job = p_job
      and (p.served_by is null or p.served_by = p_holder or not exists (
        select 1 from lamplighter.worker as w
        where w.worker_id = p.served_by and w.status in ('running', 'sleeping', 'stopping')))
    returning p.is_pass_due, p.pass_number, p.pass_is_full, p.pass_relations is not null, p.pass_found, p.pass_started_at, p.full_pass_at,
      p.next_full_pass_at;
end
$$;
