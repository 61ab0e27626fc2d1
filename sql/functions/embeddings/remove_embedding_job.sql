-- lamplighter.remove_embedding_job (worker)
-- Forgets a job and all that is known of its rows; its capture function does nothing from then on, and drop_captures drops it.
create or replace function lamplighter.remove_embedding_job(p_job bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.cancel_embedding_job(p_job);
  delete from lamplighter.abandoned_column as a where not exists (select 1 from pg_class as c where c.oid = a.table_oid);
  insert into lamplighter.abandoned_column (table_oid, dst_attnum)
  select coalesce(j.chunk_table_oid, j.table_oid), j.dst_attnum from lamplighter.embedding_job as j where j.id = p_job
  on conflict do nothing;
  delete from lamplighter.embedding_job as j where j.id = p_job;
  delete from lamplighter.embedding_progress as p where p.job = p_job;
  delete from lamplighter.embedding_index as x where x.job = p_job;
  delete from lamplighter.embedding_rate as r where r.job = p_job;
  delete from lamplighter.embedding_stamp as s where s.job = p_job;
  delete from lamplighter.embedding_failure as f where f.job = p_job;
  delete from lamplighter.embedding_day as d where d.job = p_job;
end
$$;
