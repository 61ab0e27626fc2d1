-- The text of a task. $1 its id. No row when the caller sees none with that id.
select t.query from lantern.tasks as t where t.jobid = $1::bigint
