-- lamplighter.list_changed_jobs (worker)
-- Of the given jobs, those with entries in the change log or with batches that are nobody's and due: one look for all jobs of a process,
-- an index lookup or two for each.
create or replace function lamplighter.list_changed_jobs(p_jobs bigint[]) returns setof bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select wanted.id
  from unnest(p_jobs) as wanted (id)
  where exists (select from lamplighter.change as c where c.job = wanted.id)
     or exists (select from lamplighter.embedding_batch as b
                where b.job = wanted.id and b.holder is null and b.due_at <= clock_timestamp())
$$;
