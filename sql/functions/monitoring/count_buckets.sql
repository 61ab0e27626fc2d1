-- lamplighter.count_buckets (internal)
-- Adds arrays of counts, each given as its text since an array of arrays has them all of one length.
create or replace function lamplighter.count_buckets(p_counts text[]) returns integer[]
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(s.number order by s.place), '{}')
  from (
    select c.place, sum(c.number)::integer as number
    from unnest(p_counts) as each (counts)
    cross join unnest(each.counts::integer[]) with ordinality as c (number, place)
    group by c.place
  ) as s
$$;
