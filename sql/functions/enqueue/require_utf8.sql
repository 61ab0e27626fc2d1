-- lamplighter.require_utf8 (caller)
-- Raises 22021 for a text that is no UTF-8, which only a database in SQL_ASCII can hold: no worker could read it, nor what it reads with it.
create or replace function lamplighter.require_utf8(p_text text) returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if getdatabaseencoding() = 'SQL_ASCII' then
    perform convert_from(convert_to(p_text, 'SQL_ASCII'), 'UTF8');
  end if;
end
$$;
