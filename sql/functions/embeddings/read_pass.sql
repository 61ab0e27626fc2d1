-- lamplighter.read_pass (worker)
-- Where the running pass of a job stands, and holds it until the transaction ends; no row when none runs or another process serves the job.
-- trusted_xid: vectors without a stamp may still be taken for what they came as, in rows that no later transaction has written; null: in none.
create or replace function lamplighter.read_pass(p_job bigint, p_generation bigint, p_holder uuid)
returns table (relation oid, place tid, is_full boolean, found_rows bigint, trusted_xid bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_lease(p_holder);
  perform lamplighter.require_embedding_job(p_job, p_generation);
  return query
    select p.pass_relations[1], p.pass_tid, p.pass_is_full, p.pass_found,
           case when p.trust_ended_at is null then p.trusted_xid::text::bigint end
    from lamplighter.embedding_progress as p
    where p.job = p_job and p.served_by = p_holder and p.pass_relations is not null
    for no key update;
end
$$;
