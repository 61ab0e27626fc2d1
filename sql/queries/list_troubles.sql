-- Lists the models that running workers cannot use, longest first. For the owner. Times are seconds since 1970. No row when all work.
select w.hostname, t.model, t.error, (pg_catalog.date_part('epoch', w.last_heartbeat) - t.for_ms / 1000)::text as since_s,
       t.waiting::text as waiting
from lamplighter.worker as w
cross join lateral pg_catalog.jsonb_to_recordset(w.troubles) as t (model text, error text, for_ms double precision, waiting integer)
where w.status in ('running', 'sleeping')
  and w.last_heartbeat > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => w.lease_ms / 1000.0)
order by pg_catalog.date_part('epoch', w.last_heartbeat) - t.for_ms / 1000, w.hostname, t.model
