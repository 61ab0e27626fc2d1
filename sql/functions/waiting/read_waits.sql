-- lamplighter.read_waits (caller)
-- What list_waits tells of a role: the current one, or one that the session's login can take on; nothing for null. No text of a request, as a
-- function of somebody else may run in that session: failed_id is the id of one that failed.
create or replace function lamplighter.read_waits(p_username text)
returns table (function_name text, model text, reason text, requests bigint, is_exact boolean, failed_id bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_sees_all constant boolean := (
    select r.rolbypassrls or pg_has_role(r.oid, c.relowner, 'USAGE')
    from pg_roles as r
    cross join pg_class as c
    where r.rolname = p_username and c.oid = 'public.steadytext_queue'::regclass);
begin
  if p_username is not null and not pg_has_role(session_user, p_username, 'MEMBER') then
    raise exception 'What the requests of role "%" wait for is not shown to the login "%", which is no member of it', p_username, session_user
      using errcode = '42501',
      hint = format('A SECURITY DEFINER function cannot ask for its owner: call it as the login itself, or GRANT %I TO %I.',
        p_username, session_user);
  end if;
  if p_username is null then
    return;
  end if;
  return query
    select m.function_name, m.model, w.reason, sum(w.requests)::bigint, bool_and(m.is_exact or w.state = 'quarantined'),
           max(m.failed_id) filter (where w.state <> 'ready' or l.reason is not null)
    from lamplighter.measure_lanes(case when not v_sees_all then p_username end) as m
    left join lateral lamplighter.explain_lane(m.function_name, m.model) as l on true
    cross join lateral (
      select s.state, coalesce(l.reason, s.state) as reason, s.requests
      from (values ('ready', m.ready), ('retry', m.delayed), ('quarantined', m.quarantined)) as s (state, requests)
      where s.requests > 0
    ) as w
    group by m.function_name, m.model, w.reason
    order by m.function_name, m.model, w.reason;
end
$$;
