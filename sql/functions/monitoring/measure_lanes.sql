-- lamplighter.measure_lanes (internal)
-- The lanes of requests in which anything waits or runs, of one role or with null of all: at most 300 of them. Reads at most some 20,000
-- entries of indexes and rows however many requests there are: is_exact is false where more wait than were counted, and the oldest of a
-- lane is then the oldest of the first 100 roles and priorities in it. Requests that run are those named by the newest claims of workers
-- that are alive. failed_id is the id of the newest one that is delayed or in quarantine and has failed.
create or replace function lamplighter.measure_lanes(p_username text) returns table (
  function_name text,
  model text,
  ready integer,
  delayed integer,
  quarantined integer,
  is_exact boolean,
  running integer,
  oldest_pending_s double precision,
  failed_id bigint
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set row_security = off as $$
#variable_conflict use_column
declare
  v_low constant text := coalesce(p_username, '');
  -- Above every name of a role.
  v_high constant text := coalesce(p_username, lamplighter.highest_name());
  v_functions text[] := '{}';
  v_models text[] := '{}';
  v_function text := '';
  v_model text := '';
  v_most integer;
  v_left integer := 10000;
  v_lanes integer;
  v_role text;
  v_priority bigint;
  v_created timestamptz;
  v_oldest timestamptz;
  v_ready integer;
begin
  -- The next lane is one step in the index: status stays out of the conditions, so that the rows need not be read.
  loop
    select q.function_name, q.model into v_function, v_model
    from public.steadytext_queue as q
    where q.run_at is null and (q.function_name, q.model) > (v_function, v_model)
    order by q.function_name, q.model
    limit 1;
    exit when not found or cardinality(v_functions) = 300;
    v_functions := v_functions || v_function;
    v_models := v_models || v_model;
  end loop;
  v_lanes := cardinality(v_functions);
  for v_function, v_model, delayed, quarantined, running, v_created, failed_id, is_exact in
    with other as materialized (
      select o.function_name, o.model, o.created_at, o.state, o.failed_id from lamplighter.list_unready(v_low, v_high) as o
    )
    select l.function_name, l.model,
           count(*) filter (where o.state = 'delayed'),
           count(*) filter (where o.state = 'quarantined'),
           count(*) filter (where o.state = 'running'),
           min(o.created_at),
           max(o.failed_id),
           not exists (select from other as d where d.state = 'more')
    from (
      select u.function_name, u.model from unnest(v_functions, v_models) as u (function_name, model)
      union
      select o.function_name, o.model from other as o where o.state <> 'more'
    ) as l
    left join other as o on o.function_name = l.function_name and o.model = l.model
    group by l.function_name, l.model
    order by l.function_name, l.model
  loop
    -- What a lane does not need is left to those after it.
    v_most := greatest(100, v_left / greatest(v_lanes, 1));
    v_lanes := v_lanes - 1;
    select count(*), min(c.created_at) into v_ready, v_oldest
    from (
      select q.created_at
      from public.steadytext_queue as q
      where q.run_at is null and q.function_name = v_function and q.model = v_model and q.username between v_low and v_high
      limit v_most + 1
    ) as c;
    v_left := v_left - least(v_ready, v_most);
    if v_ready > v_most then
      v_ready := v_most;
      is_exact := false;
      v_role := v_low;
      v_priority := 2147483648;
      for v_level in 1 .. 100 loop
        select q.username, q.priority, q.created_at into v_role, v_priority, v_oldest
        from (
          (
            select q.username, q.priority, q.created_at
            from public.steadytext_queue as q
            where q.run_at is null and q.function_name = v_function and q.model = v_model
              and q.username = v_role and q.priority < v_priority
            order by q.priority desc, q.created_at
            limit 1
          )
          union all
          (
            select q.username, q.priority, q.created_at
            from public.steadytext_queue as q
            where q.run_at is null and q.function_name = v_function and q.model = v_model
              and q.username > v_role and q.username <= v_high
            order by q.username, q.priority desc, q.created_at
            limit 1
          )
          limit 1
        ) as q;
        exit when not found;
        v_created := least(v_created, v_oldest);
      end loop;
    else
      v_created := least(v_created, v_oldest);
    end if;
    continue when v_ready + delayed + quarantined + running = 0;
    function_name := v_function;
    model := v_model;
    ready := v_ready;
    oldest_pending_s := greatest(0, extract(epoch from clock_timestamp() - v_created));
    return next;
  end loop;
end
$$;
