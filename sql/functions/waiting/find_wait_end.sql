-- lamplighter.find_wait_end (caller)
-- When a wait of p_seconds ends: at its deadline, or just before a time limit of the session would end the statement or the session. limit_name
-- and limit_ms are that limit; null where the deadline comes first.
create or replace function lamplighter.find_wait_end(
  p_seconds integer,
  out ends_at timestamptz,
  out limit_name text,
  out limit_ms bigint
)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_deadline constant timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
begin
  ends_at := v_deadline;
  -- Reading pg_settings takes a millisecond.
  if current_setting('statement_timeout') = '0' and coalesce(current_setting('transaction_timeout', true), '0') = '0' then
    return;
  end if;
  select l.ends_at, l.name, l.limit_ms
  into ends_at, limit_name, limit_ms
  from (
    select s.name, s.limit_ms,
           s.since + make_interval(secs => (s.limit_ms - least(100, s.limit_ms / 5)) / 1000.0) as ends_at
    from (
      select s.name, s.setting::bigint as limit_ms,
             case s.name when 'statement_timeout' then statement_timestamp() else transaction_timestamp() end as since
      from pg_settings as s
      where s.name in ('statement_timeout', 'transaction_timeout') and s.setting <> '0'
    ) as s
  ) as l
  where l.ends_at < v_deadline
    -- A limit that was set later than the transaction began counts from then, which nothing shows.
    and (l.name = 'statement_timeout' or l.ends_at > clock_timestamp())
  order by l.ends_at
  limit 1;
  ends_at := coalesce(ends_at, v_deadline);
end
$$;
