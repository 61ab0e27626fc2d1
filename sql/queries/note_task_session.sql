-- Keeps which session runs an attempt. $1 worker, $2 run, $3 attempt, $4 backend, $5 key of a cancel request or null, $6 and $7 when the backend
-- and the server started, $8 sha256 of the secret, $9 guarantee. One row; is_ours is false when the attempt must not run.
select lamplighter.note_task_session($1::uuid, $2::bigint, $3::integer, $4::integer, $5::integer, $6::timestamptz, $7::timestamptz, $8::bytea,
                                     $9::text) as is_ours
