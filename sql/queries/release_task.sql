-- Gives up an attempt without a verdict. $1 worker, $2 run, $3 attempt, $4 reason, $5 milliseconds to wait, $6 whether it counts. One row with
-- what has become of it: 'running' while its backend is still there; null when the attempt is no longer the worker's.
select lamplighter.release_task($1::uuid, $2::bigint, $3::integer, $4::text, $5::double precision, $6::boolean) as status
