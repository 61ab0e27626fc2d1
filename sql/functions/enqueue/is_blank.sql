-- lamplighter.is_blank (caller)
-- True for a text of nothing but white space, which is what Unicode says it is in every database: what a regular expression takes for a space
-- depends on the collation, and some collations have none. Null for null. Without a pinned search_path, so that it is inlined.
create or replace function lamplighter.is_blank(p_text text) returns boolean
language sql immutable security invoker
-- Most texts begin with a printable ASCII character, which is seen without reading the rest; ascii() fails in some encodings.
return not (
  p_text collate "C" >= '!' and p_text collate "C" < E'\x7f'
  or p_text collate "C" ~ E'[^\\s\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]');
