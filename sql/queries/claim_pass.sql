-- Begins a pass, see lamplighter.claim_pass. $1 job, $2 generation, $3 process, $4 whether full, $5 oids of the tables, $6 milliseconds to the next full pass after a full
-- one. One row.
select lamplighter.claim_pass($1, $2, $3, $4, $5::pg_catalog.oid[], $6) as is_claimed
