-- lamplighter.find_unfinished_tasks (caller)
-- The jobids of the tasks that wait or run, for the owner of all roles, else of p_username: the current role, or one that the session's
-- login can take on. Null where there are more than p_most, after reading as many, and for no role.
create or replace function lamplighter.find_unfinished_tasks(p_username text, p_most integer) returns bigint[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off set row_security = off as $$
declare
  v_role constant oid := (
    select r.oid
    from pg_roles as r
    cross join pg_class as c
    where r.rolname = p_username and c.oid = 'lantern.tasks'::regclass and not pg_has_role(r.oid, c.relowner, 'USAGE'));
  v_ids bigint[];
begin
  if p_username is not null and not pg_has_role(session_user, p_username, 'MEMBER') then
    raise exception 'The tasks of another role are not shown' using errcode = '42501';
  end if;
  if p_username is null then
    return null;
  end if;
  v_ids := array(
    (
      select r.jobid
      from lamplighter.task_run as r
      where r.state = 'queued' and r.role_oid >= coalesce(v_role, 0) and r.role_oid <= coalesce(v_role, 4294967295)
      limit p_most + 1
    )
    union all
    (select r.jobid from lamplighter.task_run as r where r.state = 'running' and (v_role is null or r.role_oid = v_role) limit p_most + 1));
  return case when cardinality(v_ids) <= p_most then v_ids end;
end
$$;
