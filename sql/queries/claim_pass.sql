-- Begins a pass, see lamplighter.claim_pass. $1 job, $2 generation, $3 process, $4 whether full, $5 oids of the tables. One row.
select lamplighter.claim_pass($1, $2, $3, $4, $5::pg_catalog.oid[]) as is_claimed
