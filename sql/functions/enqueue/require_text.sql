-- lamplighter.require_text (caller)
-- Raises p_message with SQLSTATE 22023 when the text is null or has nothing but white space, which is what Unicode says it is in
-- every database: what a regular expression takes for a space depends on the collation, and some collations have none.
create or replace function lamplighter.require_text(p_text text, p_message text) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- Most texts begin with a printable ASCII character, which is seen without reading the rest; ascii() fails in some encodings.
  if (p_text collate "C" >= '!' and p_text collate "C" < E'\x7f'
      or p_text collate "C" ~ E'[^\\s\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]') is not true then
    raise exception '%', p_message using errcode = '22023';
  end if;
end
$$;
