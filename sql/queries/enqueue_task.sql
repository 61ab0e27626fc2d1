-- Queues a text as a task of the caller. $1 text, $2 name or null. One row with its id.
-- The types are named, or somebody else's function that takes texts would be preferred.
select lantern.async_task($1::text, $2::text)::text as jobid
