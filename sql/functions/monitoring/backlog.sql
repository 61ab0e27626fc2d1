-- lamplighter.backlog (monitor)
create or replace function lamplighter.backlog(function_name text) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set enable_bitmapscan = off set row_security = off as $$
begin
  -- An autoscaler would take a misspelt one for a function without work.
  perform lamplighter.require_function(function_name);
  return (
           select count(*)
           from (
             select
             from public.steadytext_queue as q
             where q.run_at is null and q.function_name = backlog.function_name
             limit 10000
           ) as ready)
         + (
           select count(*)
           from lamplighter.list_unready('', lamplighter.highest_name()) as o
           where o.function_name = backlog.function_name);
end
$$;

comment on function lamplighter.backlog(text) is
  'How many requests of a function are in the queue: ready (counted up to 10,000), delayed, in quarantine and running together, of all roles. For autoscalers: while it is 0, nothing runs. function_name: e.g. embed.';
