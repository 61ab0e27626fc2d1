-- Cancels a task. $1 its id. One row; was_unfinished is 'false' when it has ended, is unknown or is not the caller's.
select lantern.cancel_async_task($1::bigint)::text as was_unfinished
