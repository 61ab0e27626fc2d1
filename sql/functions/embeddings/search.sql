-- lamplighter.search (caller)
-- The query is embedded by a worker, through the queue: see steadytext_get_async_result for how that goes on inside of a transaction. It is
-- queued before the block whose error is caught, so that it is the transaction's own.
create or replace function lamplighter.search(job text, query text, k integer default 10)
returns table (key jsonb, chunk_no integer, chunk text, distance double precision)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_target lamplighter.search_target;
  v_request_id uuid;
  v_result text;
  v_detail text;
  v_hint text;
begin
  perform lamplighter.require_text(query, 'Query cannot be empty');
  if coalesce(search.k, 10) < 1 then
    raise exception 'k must be 1 or more, got %', search.k using errcode = '22023';
  end if;
  v_target := jsonb_populate_record(null::lamplighter.search_target, lamplighter.find_search_target(search.job));
  -- A job names its input type behind its model.
  v_request_id := lamplighter.enqueue_request('embed',
    jsonb_build_object('text_input', query, 'use_cache', true, 'input_type', 'query'), 0, split_part(v_target.model, ' ', 1));
  begin
    v_result := public.steadytext_get_async_result(v_request_id, 30);
  exception when others then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    raise exception 'The query could not be embedded: %', sqlerrm using errcode = sqlstate,
      detail = v_detail,
      hint = concat_ws(' ', nullif(v_hint, ''), 'A vector that you have already is searched for with lamplighter.search_by_vector.');
  end;
  return query
    select s.* from lamplighter.search_by_vector(search.job, translate(v_result, '[]', '{}')::real[], search.k) as s;
end
$$;

comment on function lamplighter.search(text, text, integer) is
  'The rows, or chunks, of an embedding job that are nearest in meaning to a text, the nearest first; a worker that serves the model of the job embeds it. job: its id, or schema.table.column of its vectors. query: the text. k: how many.';
