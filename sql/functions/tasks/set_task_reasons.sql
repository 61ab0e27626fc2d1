-- lamplighter.set_task_reasons (worker)
-- The worker runs tasks, p_concurrency at once (0: none), but at present none of p_usernames, for p_reasons: lantern.task_status shows
-- them. To be said once a worker has registered, and whenever it changes.
create or replace function lamplighter.set_task_reasons(
  p_worker_id uuid,
  p_concurrency integer,
  p_usernames text[] default '{}',
  p_reasons text[] default '{}'
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lamplighter.require_own_worker(p_worker_id);
  insert into lamplighter.task_worker as t (worker_id, concurrency, troubles)
  values (p_worker_id, p_concurrency, jsonb_object(p_usernames, p_reasons))
  on conflict on constraint task_worker_pkey do update
  set concurrency = excluded.concurrency, troubles = excluded.troubles, noted_at = excluded.noted_at;
  delete from lamplighter.task_worker as t
  where not exists (select from lamplighter.worker as w where w.worker_id = t.worker_id and w.status in ('running', 'sleeping', 'stopping'));
end
$$;
