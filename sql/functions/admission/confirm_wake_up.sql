-- lamplighter.confirm_wake_up (worker)
-- A process that was woken takes the flag of a topic down, unless another one has asked again since.
create or replace function lamplighter.confirm_wake_up(p_topic text, p_epoch bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update lamplighter.waiting as w set is_waiting = false where w.topic = p_topic and w.is_waiting and w.epoch = p_epoch;
end
$$;
