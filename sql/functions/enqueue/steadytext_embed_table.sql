-- public.steadytext_embed_table (caller)
-- A procedure that commits can have no search_path of its own, so that every name and operator here is qualified.
create or replace procedure public.steadytext_embed_table(
  source regclass,
  text_column text,
  request_column text,
  chunk_size integer default 1000,
  use_cache boolean default true,
  priority integer default 0,
  model text default null,
  inout queued bigint default 0
)
language plpgsql security invoker as $$
declare
  v_size integer := chunk_size;
  v_reached pg_catalog.tid := '(0,0)';
  v_queued bigint;
  v_next pg_catalog.tid;
  v_is_over boolean;
  v_is_full boolean;
  v_has_said boolean := false;
begin
  if chunk_size is null or chunk_size operator(pg_catalog.<) 1 or chunk_size operator(pg_catalog.>) 100000 then
    raise exception 'chunk_size must be between 1 and 100000' using errcode = '22023';
  end if;
  queued := 0;
  loop
    v_is_full := false;
    v_is_over := false;
    begin
      select c.queued, c.reached, c.is_over
      into v_queued, v_next, v_is_over
      from lamplighter.enqueue_chunk(source, text_column, request_column, v_reached, v_size, use_cache, priority, model) as c;
      queued := queued operator(pg_catalog.+) v_queued;
      v_reached := v_next;
      v_size := least(chunk_size, v_size operator(pg_catalog.*) 2);
    exception when configuration_limit_exceeded then
      v_is_full := true;
    end;
    commit;
    exit when v_is_over;
    if v_is_full then
      if v_size operator(pg_catalog.>) 1 then
        v_size := v_size operator(pg_catalog./) 2;
      else
        if not v_has_said then
          raise notice 'The queue is full: waiting until workers have caught up; % rows are queued so far', queued;
          v_has_said := true;
        end if;
        perform pg_catalog.pg_sleep(0.2);
      end if;
    end if;
  end loop;
end
$$;

comment on procedure public.steadytext_embed_table(regclass, text, text, integer, boolean, integer, text, bigint) is
  'Queues a request for the vector of each row of a table that has a text and no request yet, and notes the id of the request in the row; commits after each chunk, waits while the queue is full, and may be called again. source: the table. text_column: the text. request_column: a column of type uuid. chunk_size: rows in one transaction. use_cache: take over the result of an equal request if there is one. priority: higher is sooner among the requests of one role. model: the name of a model that a worker has loaded; NULL leaves the choice to the worker. queued: how many were queued; give nothing.';
