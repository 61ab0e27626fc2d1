-- lamplighter.note_installation (owner)
-- Notes that this database is the one that works: from now on, one that is elsewhere and has this note is a copy.
create or replace function lamplighter.note_installation() returns void
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into lamplighter.installation (system_identifier, timeline, origin)
  select p.system_identifier, p.timeline, p.origin from lamplighter.read_place() as p
  on conflict (is_singleton) do update
  set system_identifier = excluded.system_identifier,
      timeline = excluded.timeline,
      origin = excluded.origin,
      noted_at = clock_timestamp()
$$;
