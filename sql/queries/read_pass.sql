-- Holds and returns where a job's pass stands, see lamplighter.read_pass. $1 job, $2 generation, $3 process. No row when none runs.
select p.relation::pg_catalog.text, p.place::pg_catalog.text, p.is_full, p.found_rows, p.trusted_xid
from lamplighter.read_pass($1, $2, $3) as p
