-- lamplighter.require_texts (caller)
-- As require_text, for each element of a batch; the message names the position of the first bad one.
create or replace function lamplighter.require_texts(p_texts text[], p_message text) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_position integer := 0;
  v_text text;
begin
  if p_texts is null or cardinality(p_texts) = 0 then
    raise exception 'Batch cannot be empty' using errcode = '22023';
  end if;
  foreach v_text in array p_texts loop
    v_position := v_position + 1;
    -- A call for each text costs 3 us.
    continue when v_text collate "C" >= '!' and v_text collate "C" < E'\x7f';
    perform lamplighter.require_text(v_text, format('%s (position %s)', p_message, v_position));
  end loop;
end
$$;
