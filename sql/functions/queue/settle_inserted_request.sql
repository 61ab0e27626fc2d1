-- lamplighter.settle_inserted_request (internal)
-- Does what settle_request_status does, for a row that the owner inserts as it was elsewhere, such as one from a dump.
create or replace function lamplighter.settle_inserted_request() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  new.run_at := '9000-01-01 00:00+00';
  if new.status = 'processing' then
    perform lamplighter.record_stray(new.worker_id, new.id);
  end if;
  return new;
end
$$;

create or replace trigger settle_insert before insert on public.steadytext_queue
  for each row
  when (new.status <> 'pending' and (new.run_at is null or new.status = 'processing'))
  execute function lamplighter.settle_inserted_request();
