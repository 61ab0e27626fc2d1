-- lamplighter.require_own_worker (internal)
-- Raises 42501 for a worker that another login has registered: nobody else may keep it alive, end it, claim or answer in its name.
-- Workers that share a login are one party; the schema owner may do everything. An unknown worker is nobody's.
create or replace function lamplighter.require_own_worker(p_worker_id uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if exists (
       select 1 from lamplighter.worker as w
       where w.worker_id = p_worker_id and w.username <> session_user::text collate "C")
     and not pg_has_role(
       session_user, (select c.relowner from pg_class as c where c.oid = 'public.steadytext_queue'::regclass), 'USAGE')
  then
    raise exception 'Worker % belongs to another login', p_worker_id using errcode = '42501';
  end if;
end
$$;
