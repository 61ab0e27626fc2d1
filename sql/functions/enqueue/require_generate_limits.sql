-- lamplighter.require_generate_limits (caller)
-- Raises 22023 unless max_tokens is from 1 to 4096 and the seed, where there is one, is not negative.
create or replace function lamplighter.require_generate_limits(p_max_tokens integer, p_seed integer) returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if p_max_tokens is null or p_max_tokens not between 1 and 4096 then
    raise exception 'max_tokens must be between 1 and 4096' using errcode = '22023';
  end if;
  if p_seed < 0 then
    raise exception 'Seed must be a non-negative integer' using errcode = '22023';
  end if;
end
$$;
