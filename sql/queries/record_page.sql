-- Records a page of a pass, see lamplighter.record_page. $1 job, $2 process, $3 where the next page begins or null, $4 rows, $5 blank ones,
-- $6 those that wait, $7 and $8 pairwise hashes of keys and texts that need no vector, $9 keys that need one. One row.
select r.batch_id, r.is_end, r.found_rows
from lamplighter.record_page($1, $2, $3::pg_catalog.tid, $4, $5, $6, $7::pg_catalog.uuid[], $8::pg_catalog.uuid[], $9) as r
