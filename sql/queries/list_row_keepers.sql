-- Lists what keeps dead rows of this database from being removed: transactions older than $1 seconds, prepared ones as well, and replication
-- slots that nobody reads, for $2 seconds or, where the server does not know since when (before 17), for $3 transactions. `is_whole` is false
-- on every row, of which there is at least one (kind null), where the role does not see what other roles' sessions do.
with right_to_see as (
  select pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') as is_whole
),
keeper as (
  select 'session' as kind, a.pid::text as name, a.usename::text as role, a.application_name as program, a.state, a.xact_start as since
  from pg_catalog.pg_stat_activity as a
  where (a.backend_xmin is not null or a.backend_xid is not null) and a.backend_type = 'client backend'
    and a.datname = pg_catalog.current_database() and a.xact_start <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)
  union all
  select 'prepared', p.gid, p.owner::text, null, null, p.prepared
  from pg_catalog.pg_prepared_xacts as p
  where p.database = pg_catalog.current_database() and p.prepared <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)
  union all
  select 'slot', s.slot_name::text, null, s.plugin::text, s.slot_type, t.since
  from pg_catalog.pg_replication_slots as s
  cross join lateral (select (pg_catalog.to_jsonb(s) ->> 'inactive_since')::timestamptz as since) as t
  where not s.active and coalesce(s.xmin, s.catalog_xmin) is not null
    and (t.since <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2)
         or t.since is null and pg_catalog.age(coalesce(s.xmin, s.catalog_xmin)) >= $3::integer)
)
select r.is_whole, k.kind, k.name, k.role, k.program, k.state, extract(epoch from k.since)::float8 as since_s
from right_to_see as r
left join keeper as k on true
order by k.since
