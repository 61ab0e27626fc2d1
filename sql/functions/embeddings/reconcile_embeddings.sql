-- lamplighter.reconcile_embeddings (owner, worker)
create or replace function lamplighter.reconcile_embeddings(job bigint) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_is_known boolean;
begin
  update lamplighter.embedding_progress as p set is_pass_due = true where p.job = reconcile_embeddings.job;
  v_is_known := found;
  perform lamplighter.wake_workers('embeddings');
  return v_is_known;
end
$$;

comment on function lamplighter.reconcile_embeddings(bigint) is
  'Requests a comparison of all rows of an embedding job with their texts; false if there is no such job. job: its number in lamplighter.embedding_status.';
