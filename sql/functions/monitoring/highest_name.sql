-- lamplighter.highest_name (internal)
-- A text above every name of a role, by its bytes: of the last character that the encoding of the database has.
create or replace function lamplighter.highest_name() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select convert_from(
    decode(
      repeat(
        case
          when getdatabaseencoding() = 'UTF8' then 'f48fbfbf'
          when pg_encoding_max_length(d.encoding) = 1 then 'ff'
          else 'fefe'
        end,
        64),
      'hex'),
    getdatabaseencoding())
  from pg_database as d
  where d.datname = current_database()
$$;
