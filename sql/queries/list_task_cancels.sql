-- Lists running tasks of a worker that somebody wants cancelled. $1 worker. No row when there is none.
select c.run_id::text as run_id, c.attempt from lamplighter.list_task_cancels($1::uuid) as c
