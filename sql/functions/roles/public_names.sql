-- lamplighter.public_names (internal)
-- The product's names in the schema public. Users have objects of their own there that begin alike.
create or replace function lamplighter.public_names() returns text[]
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select array['steadytext_queue', 'steadytext_queue_id_seq']
         || array(select r.name from lamplighter.routine as r where r.schema_name = 'public' order by r.name)
$$;
