-- Says how many tasks a worker runs at once, and which roles it cannot serve at present. $1 worker, $2 tasks at once, $3 roles, $4 reasons.
select lamplighter.set_task_reasons($1::uuid, $2::integer, $3::text[], $4::text[])
