-- lamplighter.rescue_batches (worker)
-- Takes batches back from processes that are not alive, to be claimed at once; one that has been through this before is halved, so that
-- what kills a process is found. Where a process had isolated a batch, it died of that one, and its others only waited. Returns how many.
-- A batch whose vectors are being written is passed over: its writer decides.
create or replace function lamplighter.rescue_batches() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_rescued integer;
begin
  with orphan as materialized (
    select b.id, b.job, b.keys, b.attempt, b.is_of_pass, b.is_isolated, not s.is_spared and b.attempt > 0 and cardinality(b.keys) > 1 as is_halved,
           b.deaths + (not s.is_spared)::integer as deaths
    from lamplighter.embedding_batch as b
    cross join lateral (
      select not b.is_isolated and exists (
        select from lamplighter.embedding_batch as other where other.holder = b.holder and other.is_isolated)
    ) as s (is_spared)
    where b.holder is not null
      and not exists (
        select 1 from lamplighter.worker as w
        where w.worker_id = b.holder and w.status in ('running', 'sleeping', 'stopping'))
    for no key update of b skip locked
  ), half as (
    insert into lamplighter.embedding_batch as b (job, keys, attempt, deaths, is_of_pass)
    select o.job, o.keys[cardinality(o.keys) / 2 + 1 :], o.attempt + 1, o.deaths, o.is_of_pass
    from orphan as o where o.is_halved
  )
  update lamplighter.embedding_batch as b
  set holder = null,
      attempt = o.attempt + 1,
      deaths = o.deaths,
      lone_deaths = b.lone_deaths + o.is_isolated::integer,
      is_isolated = false,
      keys = case when o.is_halved then o.keys[: cardinality(o.keys) / 2] else o.keys end,
      due_at = clock_timestamp()
  from orphan as o
  where b.id = o.id;
  get diagnostics v_rescued = row_count;
  if v_rescued > 0 then
    perform lamplighter.wake_workers('embeddings');
  end if;
  return v_rescued;
end
$$;
