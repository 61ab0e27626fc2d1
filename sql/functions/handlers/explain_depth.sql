-- lamplighter.explain_depth (internal)
-- Refuses a call that a hundred calls led to, with the time and a reason; nulls for a call that may be made.
create or replace function lamplighter.explain_depth(p_depth integer, out failed_at timestamptz, out error text)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select case when p_depth > 100 then clock_timestamp() end,
         case when p_depth > 100 then
           'A hundred calls of handlers led to this one, each for a request that the one before had queued'
         end
$$;
