-- lamplighter.claim_changes (worker)
-- Takes keys of changed rows for a process: a batch that waits for its next try if one is due, else the oldest of the log after p_after,
-- each key once; last, what a pass has found and waits. Transactions commit out of order, so p_after is left out (null) about once a second. No row when there is nothing;
-- batch_id is null when there were only markers (is_marked), which make a full pass due. Raises LL001 when the lease is lost, and LL002
-- when the job has changed. Lock order: the job, then batches, then the log; none is waited for.
create or replace function lamplighter.claim_changes(
  p_job bigint,
  p_generation bigint,
  p_holder uuid,
  p_limit integer,
  p_after bigint default null
) returns table (batch_id bigint, attempt integer, keys text[], is_marked boolean, taken integer, last_seq bigint,
  deaths integer, lone_deaths integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_entries bigint;
  v_places tid[];
  v_marked_at timestamptz;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_lease(p_holder);
  perform lamplighter.require_embedding_job(p_job, p_generation);
  is_marked := false;

  update lamplighter.embedding_batch as b
  set holder = p_holder, claimed_at = clock_timestamp()
  where b.id = (
    select due.id
    from lamplighter.embedding_batch as due
    where due.job = p_job and due.holder is null and due.due_at <= clock_timestamp()
      -- Rows of a pass come after what has changed: at the limit of a day, much of a batch comes back.
      and (not due.is_of_pass or not exists (select 1 from lamplighter.change as c where c.job = p_job))
    order by due.due_at
    limit 1
    for no key update skip locked)
  returning b.id, b.attempt, b.keys, b.deaths, b.lone_deaths into batch_id, attempt, keys, deaths, lone_deaths;
  if found then
    taken := cardinality(keys);
    return next;
    return;
  end if;

  -- An entry may stand for a run of keys: so many entries as are worth p_limit of them.
  select count(*) into v_entries
  from (
    select sum(coalesce(l.run_length, 1)) over (order by l.seq) - coalesce(l.run_length, 1) as before
    from (
      select l.seq, l.run_length
      from lamplighter.change as l
      where l.job = p_job and l.seq > coalesce(p_after, 0)
      order by l.seq
      limit p_limit
    ) as l
  ) as l
  where l.before < p_limit;
  select array_agg(c.place), max(c.seq) into v_places, last_seq
  from (
    select c.place, c.seq, sum(c.run_length) over (order by c.seq) - c.run_length as before
    from (
      select l.ctid as place, l.seq, coalesce(l.run_length, 1) as run_length
      from lamplighter.change as l
      where l.job = p_job and l.seq > coalesce(p_after, 0)
      order by l.seq
      limit v_entries
      for update skip locked
    ) as c
  ) as c
  -- Behind entries that somebody else has locked, others may be worth more.
  where c.before < p_limit;
  if v_places is null then
    if p_after is null then
      -- The log has been worked off.
      delete from lamplighter.capture_full as f where f.job = p_job;
    end if;
    return;
  end if;
  taken := cardinality(v_places);
  with gone as (
    delete from lamplighter.change as l where l.ctid = any (v_places) returning l.key, l.changed_at, l.run_length
  ), waiting as materialized (
    -- What waits for its next try reads its row then: a change beside it is no reason to try at once. Whoever claims it at this moment, and
    -- so has locked it, may have read the row before that change.
    select b.keys from lamplighter.embedding_batch as b where b.job = p_job and b.holder is null for share skip locked
  ), named as (
    select g.key, g.changed_at from gone as g where g.run_length is null
    union all
    select array[(r.first + r.no)::text], r.changed_at
    from (
      select g.key[1]::bigint as first, generate_series(0, g.run_length - 1) as no, g.changed_at from gone as g where g.run_length is not null
    ) as r
    where array[(r.first + r.no)::text]::text not in (select unnest(w.keys) from waiting as w)
  )
  select array_agg(distinct n.key::text) filter (where n.key is not null), min(n.changed_at) filter (where n.key is null)
  into keys, v_marked_at
  from named as n;
  is_marked := v_marked_at is not null;
  if is_marked then
    -- Rows may have been stamped as what they came with after their texts had changed.
    update lamplighter.embedding_progress as p
    set trust_ended_at = clock_timestamp()
    where p.job = p_job and coalesce(v_marked_at <= p.trust_ended_at, true);
    if found then
      delete from lamplighter.embedding_stamp as s where s.job = p_job and s.is_trusted;
    end if;
    update lamplighter.embedding_progress as p set is_pass_due = true where p.job = p_job and not p.is_pass_due;
  end if;
  if keys is not null then
    attempt := 0;
    insert into lamplighter.embedding_batch as b (job, keys, holder, claimed_at)
    values (p_job, keys, p_holder, clock_timestamp())
    returning b.id into batch_id;
  end if;
  return next;
end
$$;
