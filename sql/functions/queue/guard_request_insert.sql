-- lamplighter.guard_request_insert (internal)
-- What a role other than the owner may insert: a pending request that nobody has run, under the id that its session was issued last, as
-- one that is still to be issued would make another role's insert fail, and under no key of another role's request. ON CONFLICT DO UPDATE
-- evaluates its condition on the row that is there before it asks row-level security: who names the key of another role's request could
-- read that request, and ids are in events. Runs as the owner, to see every row; that new.username is the caller's has been judged by
-- guard_request_username. One function and few conditions in WHEN, as each statement reads those anew: two took 25 us more for a
-- single row.
create or replace function lamplighter.guard_request_insert() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set row_security = off as $$
declare
  v_column text;
  v_is_issued boolean;
begin
  if new.status <> 'pending' then
    raise exception 'A new request must be pending, not %', new.status using errcode = '42501';
  end if;
  if new.retry_count <> 0 or new.attempt <> 0 or new.worker_id is not null or new.run_at is not null or new.result is not null
     or new.error is not null or new.started_at is not null or new.completed_at is not null or new.failed_at is not null then
    v_column := case
      when new.retry_count <> 0 then 'retry_count'
      when new.attempt <> 0 then 'attempt'
      when new.worker_id is not null then 'worker_id'
      when new.run_at is not null then 'run_at'
      when new.result is not null then 'result'
      when new.error is not null then 'error'
      when new.started_at is not null then 'started_at'
      when new.completed_at is not null then 'completed_at'
      else 'failed_at'
    end;
    raise exception '% is written when the request is executed and cannot be chosen', v_column using errcode = '42501',
      hint = 'Leave the column out, or name it as NULL or DEFAULT.';
  end if;
  if new.created_at <> now() then
    raise exception 'created_at is the time of queueing and cannot be chosen' using errcode = '42501',
      hint = 'Leave the column out, or name it as NULL or DEFAULT.';
  end if;
  begin
    v_is_issued := new.id = currval('public.steadytext_queue_id_seq');
  exception when object_not_in_prerequisite_state then
    v_is_issued := false;
  end;
  if not v_is_issued then
    raise exception 'id is issued by its sequence and cannot be chosen' using errcode = '42501',
      hint = 'Leave the column out, or name it as NULL or DEFAULT.';
  end if;
  -- One statement, as starting it costs more than both lookups.
  perform
  from public.steadytext_queue as q
  where q.id = new.id and q.username <> new.username
  union all
  select
  from public.steadytext_queue as q
  where q.request_id = new.request_id and q.username <> new.username;
  if found then
    raise exception 'duplicate key value violates a unique constraint of steadytext_queue' using errcode = '23505';
  end if;
  return new;
end
$$;

create or replace trigger guard_insert before insert on public.steadytext_queue
  for each row
  when (row_security_active('public.steadytext_queue'::regclass)
        or not has_table_privilege('public.steadytext_queue'::regclass, 'INSERT WITH GRANT OPTION'))
  execute function lamplighter.guard_request_insert();
