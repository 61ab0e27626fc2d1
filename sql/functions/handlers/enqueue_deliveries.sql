-- lamplighter.enqueue_deliveries (worker)
-- Makes a task of the calls of each handler that are due, in order of ending as far as commits allow; returns how many tasks. One task of
-- a handler at a time. Handlers whose function is gone, or whose role, have to wait. p_timeout_ms: how long the calls of one task may take.
-- claim_tasks does it for the worker.
create or replace function lamplighter.enqueue_deliveries(p_timeout_ms integer default 120000) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  v_handler record;
  v_ids bigint[];
  v_run_id bigint;
  v_count integer := 0;
begin
  if exists (select from lamplighter.handler as h where h.is_dropped) then
    with dropped as (
      delete from lamplighter.handler as h
      where h.handler_id = any (array(
        select o.handler_id from lamplighter.handler as o where o.is_dropped order by o.handler_id for update skip locked))
      returning h.handler_id
    )
    delete from lamplighter.delivery as d
    using dropped as g
    where d.handler_id = g.handler_id;
    if not exists (select from lamplighter.handler) then
      delete from lamplighter.handler_chain;
    end if;
  end if;
  for v_handler in
    select h.*
    from lamplighter.handler as h
    join pg_roles as r on r.oid = h.role_oid and r.rolname = h.username
    where not h.is_dropped
      and exists (
        select from lamplighter.delivery as d
        where d.handler_id = h.handler_id and d.run_id is null and d.failed_at is null and d.due_at <= clock_timestamp())
      and not exists (select from lamplighter.task_run as t where t.handler_id = h.handler_id and t.state in ('queued', 'running'))
      -- By the catalog: this runs as the owner, who may have no right on the schema.
      and exists (
        select
        from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname = h.function_schema and p.proname = h.function_identity and p.prokind = 'f'
          and p.proargtypes::text = case when h.takes_payload then 'jsonb'::regtype::oid::text else '' end)
    order by h.handler_id
    for no key update of h skip locked
  loop
    -- Once more, now that the handler is locked: another worker may have been here.
    continue when exists (
      select from lamplighter.task_run as t where t.handler_id = v_handler.handler_id and t.state in ('queued', 'running'));
    v_ids := array(
      select d.delivery_id
      from lamplighter.delivery as d
      where d.handler_id = v_handler.handler_id and d.run_id is null and d.failed_at is null and d.due_at <= clock_timestamp()
      order by d.delivery_id
      limit v_handler.batch_size
      for no key update skip locked);
    continue when v_ids = '{}';
    insert into lamplighter.task_run (jobid, username, role_oid, job_name, query, search_path, origin, queued_at, is_orphaned, handler_id)
    values (0, v_handler.username, v_handler.role_oid, format('handler %s', v_handler.handler_id),
            format('set statement_timeout = %s; select lamplighter.run_deliveries(%L)', p_timeout_ms, v_ids),
            v_handler.search_path, lamplighter.read_task_origin(), clock_timestamp(), true, v_handler.handler_id)
    returning run_id into v_run_id;
    update lamplighter.delivery as d set run_id = v_run_id where d.delivery_id = any (v_ids);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
