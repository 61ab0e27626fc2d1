-- lamplighter.effective_setting (worker)
-- What holds now: the server's setting, else the stored value, else the default.
create or replace function lamplighter.effective_setting(p_name text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    s.server_value,
    s.value,
    case p_name when 'worker_concurrency' then '4' when 'worker_poll_interval' then '1000ms' when 'max_queue_size' then '10000' end)
  from lamplighter.setting as s
  where s.name = p_name
$$;
