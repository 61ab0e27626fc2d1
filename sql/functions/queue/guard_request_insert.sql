-- lamplighter.guard_request_insert (internal)
-- What a role other than the owner may insert.
create or replace function lamplighter.guard_request_insert() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_column text;
  v_holders bigint;
begin
  if pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = tg_relid), 'USAGE') then
    return new;
  end if;
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
  if new.username <> current_user then
    raise exception 'A request belongs to the role that queues it: expected username "%", got "%"', current_user, new.username
      using errcode = '42501';
  end if;
  if new.created_at <> now() then
    raise exception 'created_at is the time of queueing and cannot be chosen' using errcode = '42501',
      hint = 'Leave the column out, or name it as NULL or DEFAULT.';
  end if;
  v_holders := lamplighter.count_holders(new.id, new.request_id);
  if v_holders is null then
    raise exception 'id is issued by its sequence and cannot be chosen' using errcode = '42501',
      hint = 'Leave the column out, or name it as NULL or DEFAULT.';
  end if;
  -- ON CONFLICT DO UPDATE evaluates its condition on the row that is there before it asks row-level security: who names the key of
  -- another role's request could read that request, and ids are in events.
  if v_holders > 0
     and v_holders > (select count(*) from public.steadytext_queue as q where q.id = new.id or q.request_id = new.request_id) then
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
