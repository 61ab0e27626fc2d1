-- Lists the oids of those schemas of $1 that are there. No row where none is.
select n.oid
from pg_catalog.pg_namespace as n
where n.nspname = any ($1::text[])
