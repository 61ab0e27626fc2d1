-- Records a page of a pass, see lamplighter.record_page. $1 job, $2 process, $3 where the next page begins or null, $4 rows, $5 blank ones,
-- $6 and $7 pairwise hashes of keys and texts that need no vector, $8 keys that need one. One row.
select r.batch_id, r.is_end, r.found_rows
from lamplighter.record_page($1, $2, $3::pg_catalog.tid, $4, $5, $6::pg_catalog.uuid[], $7::pg_catalog.uuid[], $8) as r
