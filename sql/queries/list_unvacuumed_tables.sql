-- Lists the tables of the product that autovacuum is behind on: more than $2 dead rows, which are more than $1 times those at which it begins,
-- or more than $2 and none of its business, as it is off. No row when there is none.
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name, d.dead, b.begins::float8 as begins, o.is_on,
       extract(epoch from pg_catalog.pg_stat_get_last_autovacuum_time(c.oid))::float8 as last_s
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral (select pg_catalog.pg_stat_get_dead_tuples(c.oid)::float8 as dead) as d
cross join lateral (
  select max(o.option_value::float8) filter (where o.option_name = 'autovacuum_vacuum_threshold') as threshold,
         max(o.option_value::float8) filter (where o.option_name = 'autovacuum_vacuum_scale_factor') as scale,
         coalesce(bool_and(o.option_value::boolean) filter (where o.option_name = 'autovacuum_enabled'), true)
           and pg_catalog.current_setting('autovacuum')::boolean as is_on
  from pg_catalog.pg_options_to_table(c.reloptions) as o
) as o
cross join lateral (
  select coalesce(o.threshold, pg_catalog.current_setting('autovacuum_vacuum_threshold')::float8)
         + coalesce(o.scale, pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::float8) * greatest(c.reltuples, 0) as begins
) as b
where c.relkind = 'r'
  and (n.nspname = 'lamplighter' or n.nspname = 'public' and c.relname = 'steadytext_queue' or n.nspname = 'lantern' and c.relname = 'tasks')
  and d.dead > $2 and (not o.is_on or d.dead > $1 * b.begins)
order by d.dead desc
