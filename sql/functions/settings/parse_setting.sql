-- lamplighter.parse_setting (internal)
-- Returns the value if it is valid for the setting, in its canonical form (null stays null); raises 22023 otherwise.
create or replace function lamplighter.parse_setting(p_name text, p_value text) returns text
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_number bigint;
begin
  if p_name is null or p_name not in ('worker_concurrency', 'worker_poll_interval', 'max_queue_size') then
    raise exception 'Unknown setting "%"', coalesce(left(p_name, 100), 'NULL') using errcode = '22023',
      hint = 'Settings are worker_concurrency, worker_poll_interval and max_queue_size.';
  end if;
  if p_value is null then
    return null;
  end if;
  case p_name
    when 'worker_concurrency', 'max_queue_size' then
      begin
        v_number := p_value::bigint;
      exception when others then
        raise exception '% must be a whole number, got "%"', p_name, left(p_value, 100) using errcode = '22023';
      end;
      if p_name = 'worker_concurrency' and v_number not between 1 and 1000 then
        raise exception 'worker_concurrency must be between 1 and 1000, got %', v_number using errcode = '22023';
      end if;
      if p_name = 'max_queue_size' and v_number not between 0 and 1000000000 then
        raise exception 'max_queue_size must be between 0 (no limit) and 1000000000, got %', v_number using errcode = '22023';
      end if;
      return v_number::text;
    when 'worker_poll_interval' then
      declare
        v_ms numeric;
      begin
        begin
          v_ms := extract(epoch from (case when p_value ~ E'^\\s*[0-9.]+\\s*$' then p_value || ' s' else p_value end)::interval) * 1000;
        exception when others then
          raise exception 'worker_poll_interval must be an interval such as ''1s'', got "%"', left(p_value, 100)
            using errcode = '22023';
        end;
        if v_ms not between 10 and 3600000 then
          raise exception 'worker_poll_interval must be between 10ms and 1h, got "%"', left(p_value, 100) using errcode = '22023';
        end if;
        return round(v_ms)::bigint || 'ms';
      end;
  end case;
end
$$;

comment on function lamplighter.parse_setting(text, text) is 'Validates a setting; raises 22023 with what was expected.';
