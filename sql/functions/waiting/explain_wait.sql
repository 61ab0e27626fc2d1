-- lamplighter.explain_wait (caller)
-- Why nothing answers a request at present; null when something may. p_error is what the row says of the last attempt.
create or replace function lamplighter.explain_wait(p_function_name text, p_model text, p_error text default null) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_lane record;
  v_flag constant text := case p_function_name when 'embed' then 'embed' when 'rerank' then 'rerank' else 'generate' end;
  v_running bigint;
begin
  select l.reason, l.model, l.since into v_lane from lamplighter.explain_lane(p_function_name, p_model) as l;
  if v_lane.reason = 'not served' then
    select count(*) into v_running
    from lamplighter.worker as w
    where w.kind = 'worker' and w.status in ('running', 'sleeping')
      and w.last_heartbeat > clock_timestamp() - make_interval(secs => w.lease_ms / 1000.0);
  end if;
  return case
    when v_lane.reason = 'paused' then
      format('The function %s is paused; the schema owner can run: SELECT steadytext_resume(%L).', p_function_name, p_function_name)
    when v_lane.reason = 'not served' then
      format('No running worker serves %s%s (%s); start one with: lamplighter worker%s.%s',
        p_function_name,
        case when p_model = 'default' then '' else format(' with model "%s"', p_model) end,
        case v_running when 0 then 'none runs' when 1 then '1 runs' else format('%s run', v_running) end,
        case when p_model <> 'default' then format(' --%s-model %s', v_flag, p_model)
          when v_flag = 'generate' then ' --generate-model MODEL'
          when v_running > 0 then format(' --functions %s', p_function_name)
          else '' end,
        case p_function_name
          when 'generate_json' then ' Until then nobody has checked the schema: a worker refuses one that it cannot enforce.'
          when 'generate_regex' then ' Until then nobody has checked the pattern: a worker refuses one that it cannot enforce.'
          else '' end)
    when v_lane.reason = 'model unavailable' then
      format('The model "%s" has been unavailable since %s%s. The request is tried again by itself.', v_lane.model,
        to_char(v_lane.since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), coalesce(': ' || p_error, ''))
    when p_error is not null then format('The last attempt failed, and another one follows: %s', p_error)
  end;
end
$$;
