-- lamplighter.retry_delivery (caller)
-- Has a call that failed for good made again, with fresh attempts; false when there is none of yours with that id.
create or replace function lamplighter.retry_delivery(p_delivery_id bigint) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update lamplighter.delivery as d
  set attempts = 0,
      failed_at = null
  where d.delivery_id = p_delivery_id and d.failed_at is not null;
  return found;
end
$$;

create or replace view lamplighter.handler_failures with (security_barrier) as
select d.delivery_id, d.handler_id, format('%I.%I', h.function_schema, h.function_identity) as handler, d.username, d.request_id,
       d.function_name, d.status, d.attempts, d.error, d.failed_at
from lamplighter.delivery as d
join lamplighter.handler as h on h.handler_id = d.handler_id
where d.failed_at is not null
  and (d.username = current_user
       or pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = 'lamplighter.delivery'::regclass), 'USAGE'));

comment on view lamplighter.handler_failures is
  'Calls of completion handlers that failed for good: your own, for the schema owner all. lamplighter.retry_delivery(delivery_id) repeats one.';
comment on function lamplighter.retry_delivery(bigint) is
  'Repeats a call of a completion handler that failed for good. p_delivery_id: as lamplighter.handler_failures has it.';
