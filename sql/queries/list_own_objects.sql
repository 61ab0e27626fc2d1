-- Lists the oids of every relation, function and schema of the product, for privileges on them that are to be kept, and of the shared
-- schemas $1, whoever made them. No row where there is none.
select o.oid
from lamplighter.list_own_objects() as o
union
select n.oid
from pg_catalog.pg_namespace as n
where n.nspname = any ($1::text[])
