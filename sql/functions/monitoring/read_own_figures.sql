-- lamplighter.read_own_figures (caller)
-- The figures of read_figures for one role: the current one, which a parameter's default tells, as inside it is the owner. Another role of
-- the session's login may be named as well, as the login can take it on; none for null.
create or replace function lamplighter.read_own_figures(p_username text default current_user) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_username is not null and not pg_has_role(session_user, p_username, 'MEMBER') then
    raise exception 'The figures of another role are not shown' using errcode = '42501';
  end if;
  return case when p_username is not null then lamplighter.measure_figures(p_username) end;
end
$$;
