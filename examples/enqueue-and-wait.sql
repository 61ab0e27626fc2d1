-- Queue requests from psql and wait for their results, in a database where `lamplighter migrate` was run and a worker runs:
--   psql "$DATABASE_URL" -f examples/enqueue-and-wait.sql
-- Each statement commits by itself: a worker sees a request after the commit of what queued it.

create temporary table note (
  body text,
  request_id uuid
);

-- Queued with the rows; returns at once.
insert into note
select body, steadytext_embed_async(body)
from (values ('A worker renews its lease.'), ('Priority orders requests.'), ('A failed request is tried again.')) as text (body);

-- Look without waiting.
select note.body, checked.status
from note
cross join lateral steadytext_check_async(note.request_id) as checked;

-- Wait up to 30 s for each.
select body, left(steadytext_get_async_result(request_id, 30), 40) as vector
from note;

-- A vector is an array of real, and casts to pgvector's type.
select body, cardinality(steadytext_embedding(request_id)) as dimensions
from note;

create temporary table ranking as
select steadytext_rerank_async('Who renews a lease?', array_agg(body), priority => 5) as request_id
from note;

select ranked.item ->> 0 as document, round((ranked.item ->> 1)::numeric, 2) as score
from ranking
cross join lateral jsonb_array_elements(steadytext_get_async_result(ranking.request_id)::jsonb) as ranked (item);

-- A request that no worker serves stays pending until it is cancelled.
create temporary table poem as
select steadytext_generate_async('Write a poem', model => 'nobody/serves-this') as request_id;

select steadytext_cancel_async(request_id) as is_cancelled
from poem;

select function_name, pending, completed, cancelled
from steadytext_queue_stats();
