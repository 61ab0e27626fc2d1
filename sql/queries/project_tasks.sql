-- Writes ended tasks into lantern.tasks that could not be written as they ended. $1 most tasks. One row with how many were.
select lamplighter.project_tasks($1::integer) as projected
