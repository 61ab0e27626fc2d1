-- lamplighter.list_embedding_jobs (worker)
-- The jobs that one jobs table has here.
create or replace function lamplighter.list_embedding_jobs(p_control_id text)
returns table (id bigint, job_id text, state text, reason text, schema_name text, table_name text, dst_column text, generation bigint,
  table_oid oid, dst_attnum smallint, dimensions integer, chunk_table_oid oid, chunk_schema_name text, chunk_table_name text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select j.id, j.job_id, j.state, j.reason, j.schema_name, j.table_name, j.dst_column, j.generation, j.table_oid, j.dst_attnum, j.dimensions,
         j.chunk_table_oid, j.chunk_schema_name, j.chunk_table_name
  from lamplighter.embedding_job as j
  where j.control_id = p_control_id
  order by j.id
$$;
