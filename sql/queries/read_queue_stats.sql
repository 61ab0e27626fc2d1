-- Counts the caller's requests (the owner's: everybody's) by function. Intervals are seconds. No row for a function without requests.
select s.function_name, s.pending::text as pending, s.processing::text as processing, s.completed::text as completed,
       s.failed::text as failed, s.cancelled::text as cancelled, extract(epoch from s.oldest_pending)::text as oldest_pending_s,
       extract(epoch from s.avg_processing)::text as avg_processing_s,
       extract(epoch from s.p95_processing)::text as p95_processing_s
from public.steadytext_queue_stats() as s
