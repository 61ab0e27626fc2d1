-- Lets the rescuer find the requests that are processing and named by no claim, as after logical replication of the queue alone; as
-- lamplighter.record_stray does for one. How many there were. For the owner.
with stray as (
  insert into lamplighter.claim (worker_id, claim_number, ids)
  select coalesce(q.worker_id, '00000000-0000-0000-0000-000000000000'), -q.id, array[q.id]
  from public.steadytext_queue as q
  where q.status = 'processing' and not exists (select 1 from lamplighter.claim as c where q.id = any (c.ids))
  returning claim_number
)
select count(*) as strays from stray
