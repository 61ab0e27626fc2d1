-- lamplighter.require_text (caller)
-- Raises p_message with SQLSTATE 22023 when the text is null or blank.
create or replace function lamplighter.require_text(p_text text, p_message text) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if lamplighter.is_blank(p_text) is not false then
    raise exception '%', p_message using errcode = '22023';
  end if;
end
$$;
