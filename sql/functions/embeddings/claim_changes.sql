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

  select array_agg(c.place), max(c.seq) into v_places, last_seq
  from (
    select l.ctid as place, l.seq
    from lamplighter.change as l
    where l.job = p_job and l.seq > coalesce(p_after, 0)
    order by l.seq
    limit p_limit
    for update skip locked
  ) as c;
  if v_places is null then
    if p_after is null then
      -- The log has been worked off.
      delete from lamplighter.capture_full as f where f.job = p_job;
    end if;
    return;
  end if;
  taken := cardinality(v_places);
  with gone as (
    delete from lamplighter.change as l where l.ctid = any (v_places) returning l.key, l.changed_at
  )
  select array_agg(distinct g.key::text) filter (where g.key is not null), min(g.changed_at) filter (where g.key is null)
  into keys, v_marked_at
  from gone as g;
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
