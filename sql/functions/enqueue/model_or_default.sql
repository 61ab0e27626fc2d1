-- lamplighter.model_or_default (caller)
-- The lane that a caller's model argument names. The bound keeps it in the index of what is ready.
create or replace function lamplighter.model_or_default(p_model text) returns text
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if octet_length(p_model) > 1000 then
    raise exception 'model must be a name of at most 1000 bytes, got %', octet_length(p_model) using errcode = '22023';
  end if;
  return case when btrim(p_model) <> '' then p_model else 'default' end;
end
$$;
