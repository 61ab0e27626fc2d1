-- lamplighter.enqueue_chunk (caller)
-- Queues a request for the vector of each of up to p_size rows of a table that have a text and no request yet, and notes its id in the
-- row. Looks from p_after on, a place in the table; returns how many it has queued, where it has got to, and whether it has seen all. Rows
-- that somebody has locked are passed over; so are texts that no request can hold, and their number is told in the end. Raises 27000 where a
-- trigger undoes the note: the row would be queued for ever.
create or replace function lamplighter.enqueue_chunk(
  p_table regclass,
  p_text_column text,
  p_request_column text,
  p_after tid,
  p_size integer,
  p_use_cache boolean,
  p_priority integer,
  p_model text,
  out queued bigint,
  out reached tid,
  out is_over boolean
) returns record
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  -- A place says where in one relation a row is; of several, the whole is looked through each time.
  v_is_plain boolean;
  -- Of guard_request_size, without the names and the other values of the parameters.
  v_longest constant integer := 4194304 - 100;
  v_tables oid[];
  v_places tid[];
  v_texts text[];
  v_ids uuid[];
  v_noted bigint;
  v_too_long bigint;
begin
  select c.relkind = 'r' and not c.relhassubclass into v_is_plain from pg_class as c where c.oid = p_table and c.relkind in ('r', 'p');
  if not found then
    raise exception 'source must be a table, not %', coalesce(p_table::text, 'NULL') using errcode = '22023';
  end if;
  execute format(
    'select array_agg(c.tableoid), array_agg(c.ctid), array_agg(c.text)
     from (
       select t.tableoid, t.ctid, t.%1$I::text as text
       from %2$s as t
       where t.%3$I is null and not lamplighter.is_blank(t.%1$I::text) and octet_length(t.%1$I::text) <= $3 %4$s
       limit $1
       for no key update skip locked
     ) as c',
    p_text_column, p_table, p_request_column, case when v_is_plain then 'and t.ctid > $2' end)
  into v_tables, v_places, v_texts
  using p_size, p_after, v_longest;
  queued := coalesce(cardinality(v_places), 0);
  -- Where the first look was not from the beginning, what was locked or came in between is looked for once more.
  is_over := queued = 0 and (not v_is_plain or p_after = '(0,0)');
  reached := case when queued = 0 then '(0,0)' else (select max(p) from unnest(v_places) as p) end;
  if is_over then
    execute format('select count(*) from %s as t where t.%I is null and octet_length(t.%I::text) > $1', p_table, p_request_column, p_text_column)
    into v_too_long
    using v_longest;
    if v_too_long > 0 then
      raise notice 'Rows whose text is too long for a request (4 MB): %', v_too_long
        using hint = 'Models read a few thousand words: queue such a text in parts.';
    end if;
  end if;
  if queued = 0 then
    return;
  end if;
  v_ids := lamplighter.enqueue_requests('embed',
    array(select jsonb_build_object('text_input', t.text, 'use_cache', coalesce(p_use_cache, true))
          from unnest(v_texts) with ordinality as t (text, position)
          order by t.position),
    p_priority, p_model);
  execute format(
    'with noted as (
       update %1$s as t set %2$I = c.request_id
       from unnest($1, $2, $3) as c (tableoid, place, request_id)
       where t.tableoid = c.tableoid and t.ctid = c.place
       returning t.%2$I as request_id
     )
     select count(n.request_id) from noted as n',
    p_table, p_request_column)
  into v_noted
  using v_tables, v_places, v_ids;
  if v_noted < queued then
    raise exception 'A trigger on % undoes what is written into its column %', p_table, p_request_column using errcode = '27000',
      hint = 'Let the trigger keep the column, or name another one as request_column.';
  end if;
end
$$;
