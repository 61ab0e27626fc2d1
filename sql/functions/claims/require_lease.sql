-- lamplighter.require_lease (internal)
-- Raises LL001 unless the worker is alive in the eyes of the database, and 42501 if it is somebody else's.
create or replace function lamplighter.require_lease(p_worker_id uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_own_worker(p_worker_id);
  if not exists (
    select 1 from lamplighter.worker as w
    where w.worker_id = p_worker_id and w.status in ('running', 'sleeping', 'stopping')
  ) then
    raise exception 'Worker % has lost its lease', p_worker_id using errcode = 'LL001';
  end if;
end
$$;
