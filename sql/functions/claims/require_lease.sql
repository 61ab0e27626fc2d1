-- lamplighter.require_lease (internal)
-- Raises LL001 unless the worker is alive in the eyes of the database, and 42501 if it is somebody else's.
create or replace function lamplighter.require_lease(p_worker_id uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_username text;
  v_status text;
begin
  select w.username, w.status into v_username, v_status from lamplighter.worker as w where w.worker_id = p_worker_id;
  if v_username <> session_user::text collate "C" then
    perform lamplighter.require_own_worker(p_worker_id);
  end if;
  if v_status is null or v_status not in ('running', 'sleeping', 'stopping') then
    raise exception 'Worker % has lost its lease', p_worker_id using errcode = 'LL001';
  end if;
end
$$;
