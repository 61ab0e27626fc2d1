-- lamplighter.request_wake_up (worker)
-- A process asks for a wake-up for a topic (requests, tasks, embeddings) before it waits, and then scans once more: a producer about to
-- commit may have missed it.
create or replace function lamplighter.request_wake_up(p_topic text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into lamplighter.waiting as w (topic, is_waiting, epoch) values (p_topic, true, 1)
  on conflict on constraint waiting_pkey do update set is_waiting = true, epoch = w.epoch + 1;
end
$$;
