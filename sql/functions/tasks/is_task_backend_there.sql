-- lamplighter.is_task_backend_there (internal)
-- Whether the backend that a run was noted with may still be at work. It is in pg_stat_activity, for everybody to see, until its
-- transaction has ended. A backend of another role or database with its pid is another one; so is one that began at another time, where
-- that can be seen. The role is compared by its oid, as it may be renamed or dropped while its session goes on. Times are compared to the
-- millisecond, as drivers cut them there.
create or replace function lamplighter.is_task_backend_there(
  p_pid integer,
  p_role_oid oid,
  p_backend_start timestamptz,
  p_postmaster_start timestamptz
) returns boolean
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select p_pid is not null
    and (p_postmaster_start is null or abs(extract(epoch from p_postmaster_start - pg_postmaster_start_time())) < 0.002)
    and exists (
      select
      from pg_stat_activity as a
      where a.pid = p_pid
        and a.datname = current_database()
        and a.usesysid = p_role_oid
        and (a.backend_start is null or p_backend_start is null or abs(extract(epoch from a.backend_start - p_backend_start)) < 0.002))
$$;
