-- lamplighter.read_place (internal)
-- Where this database is: the identifier of the server's data, the number of its timeline, and read_task_origin(). Copies of the server's
-- files have all three in common until one of them is promoted. What a host lets nobody read, or a standby does not have, is null.
create or replace function lamplighter.read_place(out system_identifier text, out timeline integer, out origin text)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  origin := lamplighter.read_task_origin();
  begin
    system_identifier := (select s.system_identifier::text from pg_control_system() as s);
  exception
    when others then
      null;
  end;
  begin
    timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
  exception
    when others then
      null;
  end;
end
$$;
