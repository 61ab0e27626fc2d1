-- Records the verdict on an attempt. $1 worker, $2 run, $3 attempt, $4 status, $5 error, $6 command tag, $7 rows. One row with the status that is
-- recorded; null when the attempt is no longer the worker's.
select lamplighter.finish_task($1::uuid, $2::bigint, $3::integer, $4::text, $5::text, $6::text, $7::bigint) as status
