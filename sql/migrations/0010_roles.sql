-- 0010_roles (schema version 1): what --grant and --grant-worker give, and the removal of what nobody asked for.
-- Who was granted what is read from the privileges themselves, so that what was taken back stays so, and a role that was dropped
-- and made again has nothing.

-- The product's names in the schema public. Users have objects of their own there that begin alike.
create function lamplighter.public_names() returns text[]
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array[
    'steadytext_queue', 'steadytext_queue_id_seq',
    'steadytext_generate_async', 'steadytext_embed_async', 'steadytext_generate_json_async', 'steadytext_generate_regex_async',
    'steadytext_generate_choice_async', 'steadytext_generate_batch_async', 'steadytext_embed_batch_async',
    'steadytext_rerank_async', 'steadytext_check_async', 'steadytext_check_async_batch', 'steadytext_get_async_result',
    'steadytext_cancel_async', 'steadytext_worker_status', 'steadytext_queue_stats', 'steadytext_embedding',
    'steadytext_retry', 'steadytext_prune', 'steadytext_pause', 'steadytext_resume']
$$;

-- Everything that the product owns and that privileges can be given on; a type goes by its table's oid.
create function lamplighter.list_own_objects()
returns table (kind text, name text, oid oid, owner oid, acl aclitem[])
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with relation as (
    select c.oid, c.relowner, c.relacl, c.reltype, c.relkind, format('%I.%I', n.nspname, c.relname) as name
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'S')
      and (n.nspname = 'lamplighter' or (n.nspname = 'public' and c.relname = any (lamplighter.public_names())))
  )
  select case when r.relkind = 'S' then 'sequence' else 'table' end, r.name, r.oid, r.relowner,
         coalesce(r.relacl, acldefault(case when r.relkind = 'S' then 's' else 'r' end::"char", r.relowner))
  from relation as r
  union all
  -- Whoever may use a table's row type may have columns of it, and those stand in the way of a later ALTER TABLE.
  select 'type', r.name, r.oid, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
  from relation as r
  join pg_type as t on t.oid = r.reltype
  union all
  select 'function', p.oid::regprocedure::text, p.oid, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
  from pg_proc as p
  join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'lamplighter' or (n.nspname = 'public' and p.proname = any (lamplighter.public_names()))
  union all
  select 'schema', format('%I', n.nspname), n.oid, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
  from pg_namespace as n
  where n.nspname = 'lamplighter'
$$;

-- Refuses what GRANT would take for something else than the role of that name.
create function lamplighter.require_role(p_role_name text) returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if p_role_name in ('public', 'none') then
    raise exception 'Nothing is granted to everybody: expected the name of a role, got "%"', p_role_name using errcode = '22023';
  end if;
  if not exists (select 1 from pg_roles as r where r.rolname = p_role_name) then
    raise exception 'role "%" does not exist', p_role_name using errcode = '42704';
  end if;
end
$$;

-- Grants the execution of each function of that schema and name to the role.
create function lamplighter.grant_functions(p_role_name text, p_schema_name text, p_function_names text[]) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = p_schema_name
      and p.proname = any (p_function_names)
      and p.proowner = (select own.nspowner from pg_namespace as own where own.nspname = 'lamplighter')
  loop
    execute format('grant execute on function %s to %I', v_function, p_role_name);
  end loop;
end
$$;

-- Lets a role queue requests and use its own. Run by the schema owner. Returns what the owner should know, or null.
create function lamplighter.grant_caller(p_role_name text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_is_new boolean;
  v_rows bigint := 0;
begin
  perform lamplighter.require_role(p_role_name);
  v_is_new := not has_table_privilege(p_role_name, 'public.steadytext_queue', 'SELECT');
  execute format('grant usage on schema lamplighter to %I', p_role_name);
  execute format(
    'grant select, delete, insert, update (status, retry_count, priority) on public.steadytext_queue to %I', p_role_name);
  -- What steadytext_worker_status() shows, and the lease that it judges by.
  execute format(
    'grant select (worker_id, hostname, pid, status, version, functions, concurrency, lease_ms, in_flight, processed, failed,
       started_at, last_heartbeat)
     on lamplighter.worker to %I', p_role_name);
  perform lamplighter.grant_functions(p_role_name, 'public', array(
    select n.name from unnest(lamplighter.public_names()) as n (name) where n.name not in ('steadytext_pause', 'steadytext_resume')));
  perform lamplighter.grant_functions(p_role_name, 'lamplighter', array[
    'require_text', 'require_texts', 'require_generate_limits', 'model_or_default', 'enqueue_request', 'enqueue_requests',
    'issue_id', 'count_holders', 'is_own_write', 'send_autonomous', 'adopt_autonomous', 'explain_lane', 'explain_wait',
    'list_waits', 'prune_listed', 'list_unreferenced']);
  if v_is_new then
    select count(*) into v_rows from public.steadytext_queue as q where q.username = p_role_name;
  end if;
  if v_rows > 0 then
    return format(
      'The role %I now sees what a role of that name queued earlier (requests: %s). If that was somebody else, delete it: '
      'DELETE FROM steadytext_queue WHERE username = %L', p_role_name, v_rows, p_role_name);
  end if;
  return null;
end
$$;

-- Lets a login run workers: it may execute the engine's functions, and touch no table. Run by the schema owner.
create function lamplighter.grant_worker(p_role_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform lamplighter.require_role(p_role_name);
  execute format('grant usage on schema lamplighter to %I', p_role_name);
  execute format('grant select on lamplighter.migration to %I', p_role_name);
  perform lamplighter.grant_functions(p_role_name, 'lamplighter', array[
    'effective_setting', 'record_server_settings', 'measure_queue', 'request_wake_up', 'confirm_wake_up', 'register_worker',
    'renew_lease', 'prune_workers', 'list_ready', 'count_waiting', 'claim_requests', 'claim_requests_at_once', 'claim_quarantined',
    'finish_requests', 'announce_ends', 'lookup_cached_results', 'list_lost', 'rescue_requests', 'promote_requests',
    'prune_requests', 'prune_cached_results', 'cancel_abandoned']);
end
$$;

-- Takes back all that the role was granted on the product's objects. Its requests stay. Run by the schema owner.
create function lamplighter.revoke_role(p_role_name text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_object record;
begin
  perform lamplighter.require_role(p_role_name);
  for v_object in
    select o.kind, o.name
    from lamplighter.list_own_objects() as o
    where pg_has_role(current_user, o.owner, 'USAGE')
  loop
    -- With what it gave to others in turn, where somebody let it: else it could keep what it has by giving it on.
    execute format('revoke all on %s %s from %I cascade', v_object.kind, v_object.name, p_role_name);
  end loop;
  -- An owner cannot take back what others gave.
  for v_object in
    select distinct pg_get_userbyid(a.grantor) as grantor
    from lamplighter.list_own_objects() as o
    cross join aclexplode(o.acl) as a
    where a.grantee = (select r.oid from pg_roles as r where r.rolname = p_role_name)
      and a.grantee <> o.owner
  loop
    raise warning 'The role % keeps what % gave it', p_role_name, v_object.grantor
      using hint = format('Take the right to give from that role: SELECT lamplighter.revoke_role(%L).', v_object.grantor);
  end loop;
end
$$;
comment on function lamplighter.revoke_role(text) is 'Takes back what migrate granted to a role. For the schema owner.';

-- Takes from everybody but the owner whatever default privileges gave on the product's objects that are not in p_kept, and
-- returns one line for each privilege other than PUBLIC's. migrate runs it in the transaction that creates the objects.
create function lamplighter.revoke_unasked(p_kept oid[]) returns setof text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_object record;
begin
  for v_object in
    select distinct o.kind, o.name, a.grantee,
           case when a.grantee = 0 then 'public' else format('%I', pg_get_userbyid(a.grantee)) end as grantee_name
    from lamplighter.list_own_objects() as o
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
