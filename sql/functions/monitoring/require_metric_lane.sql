-- lamplighter.require_metric_lane (internal)
-- The id of a lane of figures, which is made if need be, and kept from being pruned until the transaction ends. From 200 lanes on, models
-- that have none share that of their function.
create or replace function lamplighter.require_metric_lane(p_system text, p_function_name text, p_model text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id integer;
begin
  select l.id into v_id
  from lamplighter.metric_lane as l
  where l.system = p_system and l.function_name = p_function_name and l.model = p_model
  for key share;
  if v_id is null and p_model <> '' and (select count(*) from lamplighter.metric_lane) >= 200 then
    return lamplighter.require_metric_lane(p_system, p_function_name, '');
  end if;
  if v_id is null then
    insert into lamplighter.metric_lane as l (system, function_name, model)
    values (p_system, p_function_name, p_model)
    -- Somebody else may just have made it: this gives its id then.
    on conflict on constraint metric_lane_is_named_once do update set model = excluded.model
    returning l.id into v_id;
  end if;
  return v_id;
end
$$;
