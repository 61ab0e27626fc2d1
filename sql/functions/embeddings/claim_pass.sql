-- lamplighter.claim_pass (worker)
-- Begins a pass over the tables p_relations of a job that the process serves; after a full one, the next is due in p_period_ms. From here on
-- is_pass_due speaks of what comes after.
-- False: another process serves the job.
create or replace function lamplighter.claim_pass(
  p_job bigint,
  p_generation bigint,
  p_holder uuid,
  p_is_full boolean,
  p_relations oid[],
  p_period_ms double precision
) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  perform lamplighter.require_lease(p_holder);
  perform lamplighter.require_embedding_job(p_job, p_generation);
  update lamplighter.embedding_progress as p
  set is_pass_due = p.is_pass_due and not p_is_full,
      pass_number = p.pass_number + 1,
      pass_is_full = p_is_full,
      pass_relations = p_relations,
      pass_tid = null,
      pass_blocks = size.blocks,
      pass_total_blocks = (select coalesce(sum(b), 0) from unnest(size.blocks) as b),
      pass_started_at = v_now,
      pass_ended_at = null,
      next_full_pass_at = case when p_is_full then v_now + make_interval(secs => p_period_ms / 1000.0) else p.next_full_pass_at end,
      pass_rows = 0,
      pass_blank = 0,
      pass_found = 0
  from (
    select array_agg(coalesce(pg_relation_size(r.relation), 0) / current_setting('block_size')::bigint order by r.position) as blocks
    from unnest(p_relations) with ordinality as r (relation, position)
  ) as size
  where p.job = p_job and p.served_by = p_holder;
  return found;
end
$$;
