-- lamplighter.list_refused_jobs (caller, worker)
-- Rows of jobs tables of this database that name what cannot be done, where the caller may read them, and why; those of which
-- embedding_status tells, too. A jobs table is known by its columns, wherever it is. It runs nothing of the tables' owners: columns have
-- types of PostgreSQL, and where a policy would hide rows, the table is left out, as one is that somebody has locked. 100 rows of a table
-- at most, of 20 tables; where there are very many, it knows those named jobs, and of the others the newest 5,000 that have as many columns.
create or replace function lamplighter.list_refused_jobs()
returns table (jobs_table text, job_id text, place text, model text, reason text)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp set row_security = off set lock_timeout = '200ms' as $$
declare
  v_name text;
  v_is_canceled text;
begin
  for v_name, v_is_canceled in
    -- In two steps: to look up a column of a table takes 2 us, and a privilege 8.
    with candidate as materialized (
      select c.oid, c.relname, c.relnamespace
      from (
        (select c.oid, c.relname, c.relnamespace from pg_class as c where c.relname = 'jobs' and c.relkind = 'r' limit 1000)
        union
        (
          select c.oid, c.relname, c.relnamespace
          from pg_class as c
          where c.relkind = 'r' and c.relnatts >= 9
          order by c.oid desc
          limit 5000
        )
      ) as c
      where exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'init_failure_reason' and not a.attisdropped)
    )
    select format('%I.%I', n.nspname, c.relname),
           case when bool_or(a.attname = 'canceled_at' and a.atttypid = 'boolean'::regtype) then 'j.canceled_at is true'
             else 'j.canceled_at is not null' end
    from candidate as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid
    join pg_type as t on t.oid = a.atttypid
    where a.attname in ('id', 'schema', 'table', 'src_column', 'dst_column', 'embedding_model', 'init_failed_at', 'init_failure_reason',
        'canceled_at')
      and not a.attisdropped
      and t.typnamespace = 'pg_catalog'::regnamespace
      and has_schema_privilege(n.oid, 'USAGE')
      and has_table_privilege(c.oid, 'SELECT')
    group by c.oid, n.nspname, c.relname
    having count(*) = 9
    order by 1
    limit 20
  loop
    begin
      return query execute format(
        'select %L::text, j.id::text, format(''%%s.%%s.%%s'', coalesce(j.schema::text, ''public''), j."table"::text, j.dst_column::text),
                j.embedding_model::text, j.init_failure_reason::text
         from only %s as j
         where j.init_failed_at is not null and j.init_failure_reason is not null and not (%s)
         order by j.init_failed_at desc
         limit 100', v_name, v_name, v_is_canceled);
    exception when others then
      -- Anybody may have made a table that looks like one.
      null;
    end;
  end loop;
end
$$;
