-- Lists the jobs that one jobs table has here. $1 jobs table. No row when there is none.
select l.id, l.job_id, l.state, l.reason, l.schema_name, l.table_name, l.dst_column, l.generation, l.table_oid::pg_catalog.text, l.dst_attnum, l.dimensions,
       l.chunk_table_oid::pg_catalog.text, l.chunk_schema_name, l.chunk_table_name
from lamplighter.list_embedding_jobs($1) as l
