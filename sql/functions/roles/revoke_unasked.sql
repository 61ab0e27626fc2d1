-- lamplighter.revoke_unasked (internal)
-- Takes from everybody but the owner whatever default privileges gave on the product's objects that are not in p_kept, and
-- returns one line for each privilege other than PUBLIC's. migrate runs it in the transaction that creates the objects.
create or replace function lamplighter.revoke_unasked(p_kept oid[]) returns setof text
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
    execute format('revoke all on %s %s from %s', replace(v_object.kind, 'function', 'routine'), v_object.name, v_object.grantee_name);
    if v_object.grantee <> 0 then
      return next format('revoked from %s: %s %s', v_object.grantee_name, v_object.kind, v_object.name);
    end if;
  end loop;
end
$$;
