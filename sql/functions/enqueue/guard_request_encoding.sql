-- lamplighter.guard_request_encoding (internal)
-- Refuses a request that no worker could read, in a database in SQL_ASCII: see require_utf8.
create or replace function lamplighter.guard_request_encoding() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_utf8(new.parameters::text), lamplighter.require_utf8(new.model);
  return new;
end
$$;

create or replace trigger guard_encoding before insert on public.steadytext_queue
  for each row
  when (getdatabaseencoding() = 'SQL_ASCII')
  execute function lamplighter.guard_request_encoding();
