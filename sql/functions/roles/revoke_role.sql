-- lamplighter.revoke_role (internal)
-- Takes back all that the role was granted on the product's objects. Its requests stay. Run by the schema owner.
create or replace function lamplighter.revoke_role(p_role_name text) returns void
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
    execute format('revoke all on %s %s from %I cascade', replace(v_object.kind, 'function', 'routine'), v_object.name, p_role_name);
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
