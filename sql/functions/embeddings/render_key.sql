-- lamplighter.render_key (internal)
-- A value as text, the same in every session: by the output function of its type, never a cast of a user's.
create or replace function lamplighter.render_key(p_value anyelement) returns text
language plpgsql stable strict security definer set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, YMD' set intervalstyle = 'postgres' set extra_float_digits = 3 set timezone = 'UTC' set bytea_output = 'hex'
set lc_monetary = 'C' as $$
begin
  return format('%s', p_value);
end
$$;
