-- lamplighter.read_health (worker, monitor)
-- What of the server may stand in the way of all: the share of the notification queue in use; the age of the oldest transaction whose
-- snapshot keeps dead rows from being removed, as far as the owner may see others; by how much dead rows of the product's tables exceed what
-- autovacuum waits for (1 and above: it is due); and the indexes of the database that are invalid while nobody builds them.
create or replace function lamplighter.read_health()
returns table (
  notification_queue_usage double precision,
  xmin_age_s double precision,
  autovacuum_lag double precision,
  invalid_indexes integer
)
language sql volatile security definer set search_path = pg_catalog, pg_temp set jit = off as $$
  select pg_notification_queue_usage(),
         greatest(0, extract(epoch from clock_timestamp() - (
           select min(t.begun_at)
           from (
             select a.xact_start as begun_at from pg_stat_activity as a where a.backend_xmin is not null or a.backend_xid is not null
             union all
             select p.prepared from pg_prepared_xacts as p
           ) as t))),
         coalesce((
           select max(s.n_dead_tup / greatest(
             coalesce(setting.threshold, current_setting('autovacuum_vacuum_threshold')::double precision)
             + coalesce(setting.scale, current_setting('autovacuum_vacuum_scale_factor')::double precision) * greatest(c.reltuples, 0), 1))
           from (
             -- By index: pg_class would be read whole.
             select d.objid as oid
             from pg_depend as d
             where d.refclassid = 'pg_namespace'::regclass and d.refobjid = 'lamplighter'::regnamespace and d.classid = 'pg_class'::regclass
             union all
             select o.oid from (values ('public.steadytext_queue'::regclass), ('lantern.tasks'::regclass)) as o (oid)
           ) as o
           join pg_class as c on c.oid = o.oid
           cross join lateral (select pg_stat_get_dead_tuples(c.oid) as n_dead_tup) as s
           cross join lateral (
             select max(o.option_value::double precision) filter (where o.option_name = 'autovacuum_vacuum_threshold') as threshold,
                    max(o.option_value::double precision) filter (where o.option_name = 'autovacuum_vacuum_scale_factor') as scale
             from pg_options_to_table(c.reloptions) as o
           ) as setting
           where c.relkind = 'r'), 0),
         (
           select count(*)
           from pg_index as i
           join pg_class as c on c.oid = i.indexrelid
           where not i.indisvalid and c.relkind = 'i'
             -- Whoever builds one holds this lock on its table.
             and not exists (
               select
               from pg_locks as l
               where l.relation = i.indrelid and l.granted and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'AccessExclusiveLock')
                 and l.database = (select d.oid from pg_database as d where d.datname = current_database()))
         )::integer
$$;
