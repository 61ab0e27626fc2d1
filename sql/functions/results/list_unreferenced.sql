-- lamplighter.list_unreferenced (caller)
-- Of these requests, those that no row refers to by a foreign key which forbids to delete them. Tables are read that belong to this
-- role or a superuser and have no policies: reading another's table could run their functions. What is not found here makes a delete fail.
-- No key is looked at after p_until. A key may have no index, so the plan must be free to read the table once: row by row, half a
-- million rows took two minutes.
create or replace function lamplighter.list_unreferenced(
  inout p_ids bigint[],
  p_until timestamptz,
  out held_id bigint,
  out held_reason text
)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = on set enable_bitmapscan = on set enable_hashjoin = on set enable_mergejoin = on set enable_sort = on as $$
declare
  v_key record;
  v_ids bigint[];
begin
  for v_key in
    select k.conname, k.conrelid::regclass as place, case c.relkind when 'r' then 'only ' else '' end as is_only,
           (select string_agg(format('f.%I operator(pg_catalog.=) q.%I', fa.attname, qa.attname), ' and ')
            from unnest(k.conkey, k.confkey) as pair (referring, referred)
            join pg_attribute as fa on fa.attrelid = k.conrelid and fa.attnum = pair.referring
            join pg_attribute as qa on qa.attrelid = k.confrelid and qa.attnum = pair.referred) as is_referring
    from pg_constraint as k
    join pg_class as c on c.oid = k.conrelid
    join pg_roles as r on r.oid = c.relowner
    where k.confrelid = 'public.steadytext_queue'::regclass and k.contype = 'f' and k.confdeltype in ('a', 'r') and k.conparentid = 0
      and (r.rolname = current_user or r.rolsuper) and not row_security_active(k.conrelid)
  loop
    exit when clock_timestamp() > p_until;
    begin
      execute format(
        'select array(
           select q.id
           from unnest($1) with ordinality as i (id, position)
           join public.steadytext_queue as q on q.id operator(pg_catalog.=) i.id
           where not exists (select 1 from %s%s as f where %s)
           order by i.position)', v_key.is_only, v_key.place, v_key.is_referring)
      into v_ids using p_ids;
    exception when insufficient_privilege or undefined_function then
      continue;
    end;
    if cardinality(v_ids) < cardinality(p_ids) then
      held_id := (select min(i.id) from unnest(p_ids) as i (id) left join unnest(v_ids) as v (id) on v.id = i.id where v.id is null);
      held_reason := format('foreign key constraint %I on table %s', v_key.conname, v_key.place);
      p_ids := v_ids;
    end if;
  end loop;
end
$$;
