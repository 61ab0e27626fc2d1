-- lamplighter.find_charged (internal)
-- The request that is charged for the death of a worker, null when there is none: the only one in quarantine there, alone in its lane.
-- Where other lanes were at work, only from its sixth death on: whatever else kills workers is in quarantine after two, and then never
-- in flight beside this one, so that two deaths in such company (the fourth and the fifth) prove nothing, and more do.
create or replace function lamplighter.find_charged(p_worker_id uuid) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_hashjoin = off set enable_mergejoin = off set row_security = off as $$
  with in_flight as materialized (
    select h.id, h.function_name, h.model, d.deaths
    from lamplighter.list_in_flight(p_worker_id) as h
    left join lamplighter.quarantine as d on d.id = h.id
  )
  select only_one.id
  from in_flight as only_one
  where only_one.deaths >= 2
    and not exists (
      select 1
      from in_flight as other
      where other.id <> only_one.id
        and (other.deaths >= 2
             or (other.function_name = only_one.function_name and other.model = only_one.model)
             or only_one.deaths < 5))
$$;
