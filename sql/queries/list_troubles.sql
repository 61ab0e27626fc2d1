-- Lists the models that running workers cannot use, longest first. For the owner. Times are seconds since 1970. No row when all work.
select w.hostname, t.model, t.error, t.since_s::text as since_s, t.waiting::text as waiting
from lamplighter.worker as w
cross join lateral (
  select o.model, o.error, o.waiting,
         extract(epoch from w.last_heartbeat) - (o.for_ms / 1000::double precision)::pg_catalog.numeric as since_s
  from pg_catalog.jsonb_to_recordset(w.troubles) as o (model text, error text, for_ms double precision, waiting integer)
) as t
where w.kind = 'worker'
  and w.status in ('running', 'sleeping')
  and w.last_heartbeat > pg_catalog.clock_timestamp()
    - pg_catalog.make_interval(secs => w.lease_ms::double precision / 1000::double precision)
order by t.since_s, w.hostname, t.model
