-- lamplighter.read_progress_part (caller)
-- done / total of a row of progress, from 0 to 1; null when there is no total.
create or replace function lamplighter.read_progress_part(p_row jsonb, p_done text, p_total text) returns double precision
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case when (p_row ->> p_total)::double precision > 0
              then least((p_row ->> p_done)::double precision / (p_row ->> p_total)::double precision, 1) end
$$;
