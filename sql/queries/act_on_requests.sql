-- Does $1 (retry, cancel or delete) to requests by $2 request ids. One row: an array in JSON of id, outcome, and a reason where it was
-- refused; see lamplighter.act_on_requests.
with asked as materialized (
  select a.request_id, q.id
  from pg_catalog.unnest($2::pg_catalog.uuid[]) as a (request_id)
  left join public.steadytext_queue as q on q.request_id = a.request_id
), acted as materialized (
  select o.id, o.outcome, o.reason
  from lamplighter.act_on_requests($1::pg_catalog.text, array(select s.id from asked as s where s.id is not null), '{}'::pg_catalog.jsonb) as o
)
select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
         'id', s.request_id, 'outcome', coalesce(o.outcome, 'gone'), 'reason', o.reason)), '[]'::pg_catalog.json)::pg_catalog.text as rows
from asked as s
left join acted as o on o.id = s.id
