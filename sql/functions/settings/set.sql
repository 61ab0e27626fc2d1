-- lamplighter.set (internal)
-- Says in a NOTICE when a setting of the server holds over the value all the same.
create or replace function lamplighter.set(name text, value text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_name text := regexp_replace(set.name, '^steadytext[.]', '');
  v_value text := lamplighter.parse_setting(v_name, set.value);
  v_server_value text;
begin
  update lamplighter.setting as s set value = v_value where s.name = v_name returning s.server_value into v_server_value;
  if v_server_value is not null and v_value is not null then
    raise notice 'The setting steadytext.% of the server is % and overrides this value', v_name, v_server_value
      using hint = format('Reset it where it was set: ALTER SYSTEM RESET steadytext.%s (then SELECT pg_reload_conf()), or ALTER DATABASE or ALTER ROLE.', v_name);
  end if;
  return v_value;
end
$$;

comment on function lamplighter.set(text, text) is
  'Stores a setting for all workers and callers; NULL removes it. For the schema owner. Returns the stored form.';
