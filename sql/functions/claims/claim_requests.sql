-- lamplighter.claim_requests (worker)
-- Claims up to p_limit ready requests of one lane for a worker, in no defined order. Raises LL001 when the worker's lease is lost.
-- Levels (a role, a priority, and the lowest row that may be there) are tried in the order given. The levels of a role stand together and
-- yield p_share rows at most, and no more than an even share of what the roles before it have left: each role gets something where there
-- is enough for all. Levels that were seen at p_seen_us, more than two seconds ago, give nothing: a claim that was delayed on its way
-- would pass over what has come since. Parameters are claimed up to half a megabyte together, but for one request at least, as a worker
-- keeps them in memory. p_is_careful changes rows one by one and passes over those that cannot be changed, as a trigger or the like
-- refuses it: that costs more, and is for a lane that has met one. p_claim_number is the worker's own, never used twice.
create or replace function lamplighter.claim_requests(
  p_worker_id uuid,
  p_claim_number bigint,
  p_function_name text,
  p_model text,
  p_usernames text[],
  p_priorities integer[],
  p_low_created_us bigint[],
  p_low_ids bigint[],
  p_seen_us bigint,
  p_share integer,
  p_limit integer,
  p_is_careful boolean default false
) returns table (
  id bigint,
  request_id uuid,
  username text,
  parameters jsonb,
  priority integer,
  created_us bigint,
  attempt integer,
  retry_count integer,
  traceparent text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
set row_security = off as $$
#variable_conflict use_column
declare
  v_left integer := p_limit;
  v_roles integer := 1;
  v_share integer;
  v_low timestamptz;
  v_places tid[];
  v_ids bigint[];
  v_sizes integer[];
  v_size bigint;
  v_size_left bigint := 500000;
  v_count integer;
  v_taken bigint[] := '{}';
  v_refusals integer := 0;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_lease(p_worker_id);
  if extract(epoch from clock_timestamp()) * 1000000 - p_seen_us > 2000000
     or exists (select 1 from lamplighter.paused_function as p where p.function_name = p_function_name) then
    return;
  end if;
  for i in 2 .. cardinality(p_usernames) loop
    if p_usernames[i] <> p_usernames[i - 1] then
      v_roles := v_roles + 1;
    end if;
  end loop;
  for i in 1 .. cardinality(p_usernames) loop
    if i = 1 or p_usernames[i] <> p_usernames[i - 1] then
      v_share := least(p_share, (v_left + v_roles - 1) / v_roles);
      v_roles := v_roles - 1;
    end if;
    continue when v_share <= 0;
    -- In two steps, as a number of microseconds may have more digits than a double, which is what an interval is multiplied by.
    v_low := 'epoch'::timestamptz + p_low_created_us[i] / 1000000 * interval '1 second'
                                  + p_low_created_us[i] % 1000000 * interval '1 microsecond';
    select array_agg(c.ctid), array_agg(c.id), array_agg(c.size), sum(c.size)
    into v_places, v_ids, v_sizes, v_size
    from (
      -- What is stored may be compressed; short texts are not.
      select q.ctid, q.id,
             case when pg_column_size(q.parameters) < 1000 then pg_column_size(q.parameters)
                  else pg_column_size(q.parameters || '{}') end as size
      from public.steadytext_queue as q
      where q.run_at is null and q.status = 'pending'
        and q.function_name = p_function_name and q.model = p_model
        and q.username = p_usernames[i] and q.priority = p_priorities[i]
        and (q.created_at, q.id) >= (v_low, p_low_ids[i])
      order by q.created_at, q.id
      limit least(v_share, v_left) + case when p_is_careful then 100 else 0 end
      for no key update skip locked
    ) as c;
    continue when v_places is null;
    if p_is_careful then
      for v_at in 1 .. cardinality(v_places) loop
        exit when v_share <= 0 or v_left <= 0 or (v_sizes[v_at] > v_size_left and v_left < p_limit);
        begin
          return query
            select t.id, t.request_id, t.username, t.parameters, t.priority, t.created_us, t.attempt, t.retry_count, t.traceparent
            from lamplighter.claim_locked(p_worker_id, p_claim_number, v_places[v_at : v_at], v_ids[v_at : v_at]) as t;
          v_size_left := v_size_left - v_sizes[v_at];
          v_share := v_share - 1;
          v_left := v_left - 1;
        exception when others then
          -- Of the server's making, or a lease that was lost: none of the requests'.
          if left(sqlstate, 2) in ('25', '40', '53', '57', '58', 'XX', 'LL') then
            raise;
          end if;
          v_refusals := v_refusals + 1;
        end;
      end loop;
      exit when v_left <= 0 or v_refusals >= 200;
      continue;
    end if;
    v_count := cardinality(v_places);
    if v_size > v_size_left then
      v_count := (
        select greatest(count(*), case when v_taken = '{}' then 1 else 0 end)
        from (select sum(s.size) over (order by s.position) as total from unnest(v_sizes) with ordinality as s (size, position)) as run
        where run.total <= v_size_left);
      exit when v_count = 0;
      v_left := v_count;
    end if;
    v_size_left := v_size_left - v_size;
    -- As claim_locked does, but in whatever order, which takes a tenth less for hundreds of rows.
    return query
      update public.steadytext_queue as q
      set status = 'processing',
          started_at = clock_timestamp(),
          worker_id = p_worker_id,
          attempt = q.attempt + 1,
          run_at = '9000-01-01 00:00+00'
      where q.ctid = any (v_places[:v_count])
      returning q.id, q.request_id, q.username, q.parameters, q.priority, (extract(epoch from q.created_at) * 1000000)::bigint, q.attempt,
                q.retry_count, q.traceparent;
    v_taken := v_taken || v_ids[:v_count];
    v_left := v_left - v_count;
    v_share := v_share - v_count;
    exit when v_left <= 0;
  end loop;
  if v_taken <> '{}' then
    insert into lamplighter.claim (worker_id, claim_number, ids) values (p_worker_id, p_claim_number, v_taken);
  end if;
end
$$;
