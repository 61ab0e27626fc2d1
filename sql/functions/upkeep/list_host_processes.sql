-- lamplighter.list_host_processes (worker)
-- The processes of the caller's login that count as alive and have registered themselves as of one boot and namespace, which p_host names:
-- whoever runs there can see which of them have ended.
create or replace function lamplighter.list_host_processes(p_host text) returns table (worker_id uuid, host_process text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select w.worker_id, w.host_process
  from lamplighter.worker as w
  where w.status in ('running', 'sleeping', 'stopping') and starts_with(w.host_process, p_host)
    and w.username = session_user::text collate "C"
$$;
