-- Renews a worker's lease and records what it is doing.
-- $1 worker, $2 status, $3 concurrency, $4 requests in flight, $5 processed so far, $6 failed so far, $7 numbers of claims to forget,
-- $8 models that are unavailable, as JSON, $9 names of duties and $10 their intervals in ms, $11 bytes of memory.
-- One row; is_alive is false when the lease was lost; has_quarantined tells whether anything is in quarantine; now_ms is the
-- clock of the server; duties are those that are to be done now; is_upkeep_late tells that nobody does claim_upkeep; settings are those that hold.
select r.is_alive, r.has_quarantined, r.now_ms::pg_catalog.int8::text as now_ms, r.duties, r.is_upkeep_late, r.settings
from lamplighter.renew_lease($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11) as r
