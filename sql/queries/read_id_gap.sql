-- The highest id of a request where the sequence has yet to issue it, as after logical replication, which copies rows and no sequences:
-- until then inserts fail. No row where the sequence is ahead. For the owner.
select last.id
from (select max(q.id) as id from public.steadytext_queue as q) as last
where last.id > (select case when s.is_called then s.last_value else s.last_value - 1 end from public.steadytext_queue_id_seq as s)
