-- lamplighter.read_installation (worker, monitor)
-- How this database stands to the one that was noted, and when that was:
--   same      it is that one
--   copied    another database: a restored dump, one made from a template, one that replication has filled
--   moved     the same in the data of another server, as after pg_upgrade; a restored dump is hardly ever that alike
--   promoted  the same on a later timeline: after a failover, or a copy of the server's files that was promoted
-- One row; none where nothing was noted.
create or replace function lamplighter.read_installation(out kind text, out noted_at timestamptz) returns setof record
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select case
           when i.origin <> p.origin then 'copied'
           when i.system_identifier <> p.system_identifier then 'moved'
           when i.timeline <> p.timeline then 'promoted'
           else 'same'
         end,
         i.noted_at
  from lamplighter.installation as i
  cross join lamplighter.read_place() as p
$$;
