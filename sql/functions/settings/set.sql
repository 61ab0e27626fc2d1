-- lamplighter.set (internal)
create or replace function lamplighter.set(name text, value text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_name text := regexp_replace(set.name, '^steadytext[.]', '');
  v_value text := lamplighter.parse_setting(v_name, set.value);
begin
  update lamplighter.setting as s set value = v_value where s.name = v_name;
  return v_value;
end
$$;

comment on function lamplighter.set(text, text) is
  'Stores a setting for all workers and callers; NULL takes it back. For the schema owner. Returns the stored form.';
