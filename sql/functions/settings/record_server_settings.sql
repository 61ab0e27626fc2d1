-- lamplighter.record_server_settings (worker)
-- Records what a fresh session of a worker sees as steadytext.NAME; a value that is not valid counts as not set.
-- Returns every setting with its origin and, where the server's value was refused, why.
create or replace function lamplighter.record_server_settings(
  p_worker_concurrency text,
  p_worker_poll_interval text,
  p_max_queue_size text
) returns table (name text, value text, origin text, problem text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_names constant text[] := array['worker_concurrency', 'worker_poll_interval', 'max_queue_size'];
  v_seen constant text[] := array[p_worker_concurrency, p_worker_poll_interval, p_max_queue_size];
  v_parsed text;
begin
  for i in 1 .. 3 loop
    name := v_names[i];
    problem := null;
    v_parsed := null;
    if btrim(coalesce(v_seen[i], '')) <> '' then
      begin
        v_parsed := lamplighter.parse_setting(name, v_seen[i]);
      exception when invalid_parameter_value then
        problem := sqlerrm;
      end;
    end if;
    update lamplighter.setting as s
    set server_value = v_parsed,
        server_read_at = now()
    where s.name = record_server_settings.name
      and s.server_value is distinct from v_parsed;
    select lamplighter.effective_setting(s.name),
           case when s.server_value is not null then 'server' when s.value is not null then 'table' else 'default' end
    into value, origin
    from lamplighter.setting as s
    where s.name = record_server_settings.name;
    return next;
  end loop;
end
$$;
