-- 0010_roles (schema version 1): what --grant and --grant-worker give, and the removal of what nobody asked for.

create table lamplighter.role_grant (
  role_name text not null,
  kind text not null,
  granted_at timestamptz not null default now(),
  constraint role_grant_pkey primary key (role_name, kind),
  constraint role_grant_kind_is_known check (kind in ('caller', 'worker'))
);
comment on table lamplighter.role_grant is 'Whom migrate granted what, so that an upgrade grants them what it adds.';

-- Lets a role queue requests and use its own. Run by the schema owner.
create function lamplighter.grant_caller(p_role_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_function regprocedure;
begin
  execute format('grant usage on schema lamplighter to %I', p_role_name);
  execute format(
    'grant select, delete, update (status, retry_count),
       insert (request_id, function_name, parameters, status, priority, created_at, retry_count, username, model, batch_id)
     on public.steadytext_queue to %I', p_role_name);
  execute format('grant select on lamplighter.worker to %I', p_role_name);
  for v_function in
    select p.oid
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where (n.nspname = 'public' and p.proname like 'steadytext\_%' and p.proname not in ('steadytext_pause', 'steadytext_resume')
           and p.proowner = (select c.relowner from pg_class as c where c.oid = 'public.steadytext_queue'::regclass))
       or (n.nspname = 'lamplighter' and p.proname in (
             'require_text', 'require_texts', 'require_generate_limits', 'model_or_default', 'enqueue_request', 'enqueue_requests',
             'is_own_write', 'send_autonomous', 'adopt_autonomous', 'explain_wait'))
  loop
    execute format('grant execute on function %s to %I', v_function, p_role_name);
  end loop;
  insert into lamplighter.role_grant (role_name, kind) values (p_role_name, 'caller') on conflict do nothing;
end
$$;

-- Lets a login run workers: it may execute the engine's functions, and touch no table. Run by the schema owner.
create function lamplighter.grant_worker(p_role_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_function regprocedure;
begin
  execute format('grant usage on schema lamplighter to %I', p_role_name);
  execute format('grant select on lamplighter.migration to %I', p_role_name);
  for v_function in
    select p.oid
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'lamplighter' and p.proname in (
      'effective_setting', 'record_server_settings', 'measure_queue', 'request_wake_up', 'confirm_wake_up', 'register_worker', 'renew_lease',
      'prune_workers', 'list_ready', 'claim_requests', 'claim_suspect', 'has_suspects', 'finish_requests',
      'lookup_cached_results', 'list_lost', 'rescue_requests', 'promote_requests', 'prune_requests', 'prune_cached_results',
      'cancel_abandoned')
  loop
    execute format('grant execute on function %s to %I', v_function, p_role_name);
  end loop;
  insert into lamplighter.role_grant (role_name, kind) values (p_role_name, 'worker') on conflict do nothing;
end
$$;

-- Takes from everybody but the owner whatever default privileges gave on the product's objects that are not in p_kept, and
-- returns one line for each privilege other than PUBLIC's. migrate runs it in the transaction that creates the objects.
create function lamplighter.revoke_unasked(p_kept oid[]) returns setof text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_object record;
begin
  for v_object in
    with owned as (
      select c.oid, c.relowner as owner, case when c.relkind = 'S' then 'sequence' else 'table' end as kind,
             format('%I.%I', n.nspname, c.relname) as name,
             coalesce(c.relacl, acldefault(case when c.relkind = 'S' then 's'::"char" else 'r'::"char" end, c.relowner)) as acl
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'S')
        and (n.nspname = 'lamplighter' or (n.nspname = 'public' and c.relname like 'steadytext\_queue%'))
      union all
      select p.oid, p.proowner, 'function', p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
      from pg_proc as p
      join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname = 'lamplighter' or (n.nspname = 'public' and p.proname like 'steadytext\_%')
      union all
      select n.oid, n.nspowner, 'schema', format('%I', n.nspname), coalesce(n.nspacl, acldefault('n', n.nspowner))
      from pg_namespace as n
      where n.nspname = 'lamplighter'
    )
    select distinct o.kind, o.name, o.oid, a.grantee,
           case when a.grantee = 0 then 'public' else format('%I', pg_get_userbyid(a.grantee)) end as grantee_name
    from owned as o
    cross join aclexplode(o.acl) as a
    where a.grantee <> o.owner
      and o.oid <> all (p_kept)
      and pg_has_role(current_user, o.owner, 'USAGE')
    order by o.kind, o.name, grantee_name
  loop
    execute format('revoke all on %s %s from %s', v_object.kind, v_object.name, v_object.grantee_name);
    if v_object.grantee <> 0 then
      return next format('revoked from %s: %s %s', v_object.grantee_name, v_object.kind, v_object.name);
    end if;
  end loop;
end
$$;
