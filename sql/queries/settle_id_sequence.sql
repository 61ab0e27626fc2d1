-- Lets the sequence of ids go on behind the highest id of a request, where it has fallen behind. The id; no row where nothing was to do.
select pg_catalog.setval('public.steadytext_queue_id_seq', last.id) as id
from (select max(q.id) as id from public.steadytext_queue as q) as last
where last.id > (select case when s.is_called then s.last_value else s.last_value - 1 end from public.steadytext_queue_id_seq as s)
