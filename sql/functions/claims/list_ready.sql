-- lamplighter.list_ready (worker)
-- The heads of all that is ready in the lanes (pairs of function and model): one row for each role and priority, roles in
-- order of name, priorities descending and at most p_per_role of them. Functions that are paused give none. Times are in
-- microseconds since 1970: half the cost of a text, and nothing is lost. seen_us is when the row was seen.
create or replace function lamplighter.list_ready(p_function_names text[], p_models text[], p_per_role integer)
returns table (function_name text, model text, username text, priority integer, created_us bigint, id bigint, seen_us bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
set row_security = off as $$
#variable_conflict use_column
declare
  v_role text;
  v_priority integer;
  v_found boolean;
begin
  for i in 1 .. cardinality(p_function_names) loop
    continue when exists (select 1 from lamplighter.paused_function as p where p.function_name = p_function_names[i]);
    v_role := '';
    loop
      select q.function_name, q.model, q.username, q.priority, (extract(epoch from q.created_at) * 1000000)::bigint, q.id
      into list_ready.function_name, list_ready.model, list_ready.username, list_ready.priority, list_ready.created_us, list_ready.id
      from public.steadytext_queue as q
      where q.run_at is null and q.status = 'pending'
        and q.function_name = p_function_names[i] and q.model = p_models[i] and q.username > v_role
      order by q.username, q.priority desc, q.created_at, q.id
      limit 1;
      exit when not found;
      v_role := list_ready.username;
      list_ready.seen_us := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
      return next;
      for level in 2 .. p_per_role loop
        v_priority := list_ready.priority;
        select q.priority, (extract(epoch from q.created_at) * 1000000)::bigint, q.id
        into list_ready.priority, list_ready.created_us, list_ready.id
        from public.steadytext_queue as q
        where q.run_at is null and q.status = 'pending'
          and q.function_name = p_function_names[i] and q.model = p_models[i] and q.username = v_role and q.priority < v_priority
        order by q.priority desc, q.created_at, q.id
        limit 1;
        exit when not found;
        return next;
      end loop;
    end loop;
  end loop;
end
$$;
