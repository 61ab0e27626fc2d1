-- lamplighter.require_function (internal)
-- Refuses a name that is no function of the queue.
create or replace function lamplighter.require_function(p_function_name text) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if p_function_name is null
     or p_function_name not in ('generate', 'embed', 'generate_json', 'generate_regex', 'generate_choice', 'rerank') then
    raise exception 'Unknown function "%"', coalesce(left(p_function_name, 100), 'NULL') using errcode = '22023',
      hint = 'Functions are generate, embed, generate_json, generate_regex, generate_choice and rerank.';
  end if;
end
$$;
