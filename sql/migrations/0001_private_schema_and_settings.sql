-- 0001_private_schema_and_settings (schema version 1): the private schema, and the settings that callers and workers share.
--
-- A tour of the whole schema, in the order of the migrations:
--   public.steadytext_queue          the queue: one row a request, its result in place (0002)
--   public.steadytext_*()            what callers run: enqueue (0004), wait, cancel, retry, prune, look (0005)
--   lamplighter.worker               one row a worker process: its lease, renewed by a heartbeat (0006)
--   lamplighter.claim                which requests a worker took at once, for the rescuer (0002)
--   lamplighter.claim_requests() ..  what workers run: claim, finish, rescue, promote (0007, 0008)
--   lamplighter.waiting              the flag by which idle workers ask to be woken (0003)
--   lamplighter.autonomous_request   requests that run while their caller's transaction is still open (0009)
-- Callers' functions are security invoker and lean on row-level security; workers' functions are security definer, so that
-- a worker's role needs no right on any table.
create schema lamplighter;
comment on schema lamplighter is 'Private to Lamplighter: engine state and internal functions.';

create table lamplighter.migration (
  number integer not null,
  name text not null,
  schema_version integer not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp(),
  applied_by text not null default current_user,
  constraint migration_pkey primary key (number)
);
comment on table lamplighter.migration is 'The ledger: which migrations this schema has. Its highest schema_version is the schema''s.';

create table lamplighter.setting (
  name text collate "C" not null,
  value text,
  server_value text,
  server_read_at timestamptz,
  constraint setting_pkey primary key (name),
  constraint setting_name_is_known check (name in ('worker_concurrency', 'worker_poll_interval', 'max_queue_size'))
);
comment on table lamplighter.setting is 'Settings in the database. A server setting (steadytext.NAME) wins over the stored value.';
comment on column lamplighter.setting.value is 'Set by lamplighter.set(); null when not set.';
comment on column lamplighter.setting.server_value is 'What a worker last saw as steadytext.NAME in a fresh session; null when not set there.';

insert into lamplighter.setting (name) values ('worker_concurrency'), ('worker_poll_interval'), ('max_queue_size');

-- Returns the value if it is valid for the setting, in its canonical form (null stays null); raises 22023 otherwise.
create function lamplighter.parse_setting(p_name text, p_value text) returns text
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

create function lamplighter.set(name text, value text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_name text := regexp_replace(set.name, '^steadytext[.]', '');
  v_value text := lamplighter.parse_setting(v_name, set.value);
begin
  update lamplighter.setting as s set value = v_value where s.name = v_name;
  return v_value;
end
$$;
comment on function lamplighter.set(text, text) is
  'Stores a setting for all workers and callers; NULL takes it back. For the schema owner. Returns the stored form.';

-- What holds now: the server's setting, else the stored value, else the default.
create function lamplighter.effective_setting(p_name text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    s.server_value,
    s.value,
    case p_name when 'worker_concurrency' then '4' when 'worker_poll_interval' then '1000ms' when 'max_queue_size' then '10000' end)
  from lamplighter.setting as s
  where s.name = p_name
$$;

-- Records what a fresh session of a worker sees as steadytext.NAME; a value that is not valid counts as not set.
-- Returns every setting with its origin and, where the server's value was refused, why.
create function lamplighter.record_server_settings(
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
