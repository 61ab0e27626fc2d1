-- lamplighter.request_wake_up (worker)
-- A worker asks for a wake-up before it waits, and then looks once more: an enqueuer about to commit may have missed it.
create or replace function lamplighter.request_wake_up() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into lamplighter.waiting as w (is_waiting, epoch) values (true, 1)
  on conflict (is_singleton) do update set is_waiting = true, epoch = w.epoch + 1;
end
$$;
