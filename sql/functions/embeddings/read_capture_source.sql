-- lamplighter.read_capture_source (internal)
-- The body of a job's capture function, for its table as it is now; null when a column is missing.
-- The function runs in the sessions of users, row by row. It names no column outside its body, as a trigger with one in WHEN or UPDATE OF
-- would make the user's ALTER TYPE and DROP COLUMN fail. It has no SET clause, which would cost 1 to 2.5 us a call: every name, cast and
-- operator is qualified, and only casts that users cannot replace are used. The EXCEPTION block writes nothing, so that it takes no
-- transaction id; whatever goes wrong in it, such as a column that was dropped, is logged as a marker: never an error, never a loss.
-- The first change of a transaction looks at the limit and at the flag of those who wait (4 us), and remembers it in a setting that ends,
-- and is taken back, with the transaction; the others cost an insert (5 us). Of an integer key, a transaction notes 64 changes alone, so
-- that small ones have no rows embedded beside their own, and the rest of the 32 keys in a row that the last of them is among, so that no
-- claim meets a key twice. From then on its second change among 32 keys in a row is noted for all of them, and those that follow find
-- the setting and cost nothing more; keys that are never neighbours are noted alone again after eight. Each 1,024th entry looks at the
-- size of the log. Conditions with a query in them are nested, as plpgsql evaluates the others without one. An expression costs each
-- transaction its preparation (0.5 us): there are few on the way of an unrelated update, and `return new` is none.
-- The setting: empty, nothing is known; `marked`, a marker stands for all that comes; `logs`, keys are noted alone; plus signs, so many keys
-- are noted alone; a number behind an exclamation mark, keys of that run are noted alone; a number, all keys of that run are noted; a
-- number behind question marks, one key of that run is noted, alone as those before it.
create or replace function lamplighter.read_capture_source(p_job bigint) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_job lamplighter.embedding_job;
  v_column record;
  v_template text;
  v_is_bytes boolean;
  v_same text := '';
  v_alike text[] := '{}';
  v_changed text;
  v_filtered text := '';
  v_has_filter boolean := false;
  v_keys text[] := '{}';
  v_key_changes text[] := '{}';
  v_run text;
  v_known text := '';
  v_remember text := '';
begin
  select * into v_job from lamplighter.embedding_job as j where j.id = p_job;
  if not found then
    return null;
  end if;
  for v_column in
    with recursive attribute as (
      select a.attname, a.attlen, a.atttypid, array_position(v_job.key_columns, a.attname::text) as position
      from pg_attribute as a
      where a.attrelid = v_job.table_oid and a.attnum > 0 and not a.attisdropped
        and (a.attname in (v_job.src_column, v_job.filter_column) or a.attname = any (v_job.key_columns))
    ), base (attname, oid) as (
      select a.attname, a.atttypid from attribute as a
      union all
      select b.attname, t.typbasetype
      from base as b
      join pg_type as t on t.oid = b.oid
      where t.typtype = 'd'
    )
    select a.attname, a.attlen, a.position, t.typname, t.typtype, t.typnamespace = 'pg_catalog'::regnamespace as is_builtin
    from attribute as a
    join base as b on b.attname = a.attname
    join pg_type as t on t.oid = b.oid and t.typtype <> 'd'
    order by a.position nulls first
  loop
    if v_column.attname = v_job.src_column then
      v_is_bytes := v_column.is_builtin and v_column.typname = 'bytea';
      v_template := case
        when v_is_bytes then '%s.%I'
        when v_column.is_builtin and v_column.typname in ('text', 'varchar', 'bpchar', 'name', 'json', 'jsonb', 'xml')
        then '%s.%I::pg_catalog.text'
        else 'pg_catalog.format(''%%s'', %s.%I)' end;
      -- A text of 1 MB is told from another by where it is kept (600 us against 15).
      if current_setting('server_version_num')::integer >= 170000 and v_column.attlen = -1 then
        v_same := format('when pg_catalog.pg_column_toast_chunk_id(old.%1$I) operator(pg_catalog.=) '
                         'pg_catalog.pg_column_toast_chunk_id(new.%1$I) then false ', v_column.attname);
        v_alike := array[format('pg_catalog.pg_column_toast_chunk_id(new.%I) is null', v_column.attname)] || v_alike;
      end if;
      v_alike := v_alike || format(
        '%1$s%3$s operator(pg_catalog.=) %2$s%3$s', format(v_template, 'old', v_column.attname), format(v_template, 'new', v_column.attname),
        case when v_is_bytes then '' else ' collate pg_catalog."C"' end);
      v_changed := format(
        'case when old.%1$I is null or new.%1$I is null then (old.%1$I is null) operator(pg_catalog.<>) (new.%1$I is null) %2$selse %3$s%5$s '
        'operator(pg_catalog.<>) %4$s%5$s end',
        v_column.attname, v_same, format(v_template, 'old', v_column.attname), format(v_template, 'new', v_column.attname),
        case when v_is_bytes then '' else ' collate pg_catalog."C"' end);
    end if;
    if v_column.attname = v_job.filter_column then
      v_has_filter := v_column.is_builtin and v_column.typname = 'bool';
      v_filtered := format('(old.%1$I is true) operator(pg_catalog.<>) (new.%1$I is true) or ', v_column.attname);
      v_alike := v_alike || format('(old.%1$I is true) operator(pg_catalog.=) (new.%1$I is true)', v_column.attname);
    end if;
    if v_column.position is not null then
      v_template := case
        when v_column.is_builtin and v_column.typname in (
          'int2', 'int4', 'int8', 'numeric', 'uuid', 'text', 'varchar', 'bpchar', 'name', 'bool', 'oid')
        then '%s.%I::pg_catalog.text'
        else 'lamplighter.render_key(%s.%I)' end;
      v_keys := v_keys || format(v_template, 'new', v_column.attname);
      if v_column.is_builtin and v_column.typname in ('int2', 'int4', 'int8', 'uuid', 'oid') then
        v_key_changes := v_key_changes || format(
          'coalesce(old.%1$I operator(pg_catalog.<>) new.%1$I, (old.%1$I is null) operator(pg_catalog.<>) (new.%1$I is null))',
          v_column.attname);
        v_alike := v_alike || format('old.%1$I operator(pg_catalog.=) new.%1$I', v_column.attname);
      else
        v_key_changes := v_key_changes || format(
          'coalesce(%1$s collate pg_catalog."C" operator(pg_catalog.<>) %2$s collate pg_catalog."C", '
          '(%1$s is null) operator(pg_catalog.<>) (%2$s is null))', format(v_template, 'old', v_column.attname), format(v_template, 'new', v_column.attname));
        v_alike := v_alike || format(
          '%1$s collate pg_catalog."C" operator(pg_catalog.=) %2$s collate pg_catalog."C"',
          format(v_template, 'old', v_column.attname), format(v_template, 'new', v_column.attname));
      end if;
      if cardinality(v_job.key_columns) = 1 and v_column.is_builtin and v_column.typname in ('int2', 'int4', 'int8') then
        v_run := format('(new.%I::pg_catalog.int8 operator(pg_catalog.>>) 5)::pg_catalog.text', v_column.attname);
      end if;
    end if;
  end loop;
  if v_changed is null or v_has_filter <> (v_job.filter_column is not null) or cardinality(v_keys) <> cardinality(v_job.key_columns) then
    return null;
  end if;
  if v_run is not null then
    v_known := format($body$
    if %1$s operator(pg_catalog.=) pg_catalog.current_setting('lamplighter.capture_%2$s', true) then
      return new;
    end if;
    v_run := %1$s;$body$, v_run, p_job);
    v_remember := format($body$
    if v_run is not null and v_state operator(pg_catalog.<>) 'logs' then
      if pg_catalog.starts_with(v_state, '+') then
        perform pg_catalog.set_config('lamplighter.capture_%1$s',
          case when pg_catalog.length(v_state) operator(pg_catalog.<) 64 then v_state operator(pg_catalog.||) '+'
            else '!' operator(pg_catalog.||) v_run end, true);
      elsif v_state operator(pg_catalog.=) ('!' operator(pg_catalog.||) v_run) then
        null;
      elsif pg_catalog.ltrim(v_state, '?') operator(pg_catalog.=) v_run then
        insert into lamplighter.change (job, key, run_length)
        values (%1$s, array[(v_run::pg_catalog.int8 operator(pg_catalog.<<) 5)::pg_catalog.text], 32)
        returning seq into v_seq;
        perform pg_catalog.set_config('lamplighter.capture_%1$s', v_run, true);
      else
        perform pg_catalog.set_config('lamplighter.capture_%1$s',
          case when pg_catalog.starts_with(v_state, '????????') then 'logs'
            else '?' operator(pg_catalog.||) pg_catalog.rtrim(v_state, '!-0123456789') operator(pg_catalog.||) v_run end, true);
      end if;
    end if;$body$, p_job);
  end if;
  return format($body$
declare
  v_key pg_catalog.text[];
  v_run pg_catalog.text;
  v_state pg_catalog.text;
  v_seq pg_catalog.int8;
  v_epoch pg_catalog.int8;
begin
  begin
    if tg_op operator(pg_catalog.=) 'UPDATE' then
      -- Nothing is null and nothing large, as of most rows.
      if %8$s then
        return new;
      end if;
      if not (%1$s or %2$s) then
        return new;
      end if;
    end if;%6$s
    v_key := array[%3$s];
  exception when others then
    v_key := null;
    v_run := null;
  end;
  v_state := pg_catalog.current_setting('lamplighter.capture_%4$s', true);
  if v_state operator(pg_catalog.=) 'marked' then
    return new;
  elsif v_state operator(pg_catalog.<>) '' then%7$s
    if v_seq is null then
      insert into lamplighter.change (job, key) values (%4$s, v_key) returning seq into v_seq;
    end if;
    if v_seq operator(pg_catalog.&) 1023 operator(pg_catalog.<>) 0 then
      return new;
    end if;
  else
    insert into lamplighter.change (job, key)
    select %4$s, v_key
    where not exists (select 1 from lamplighter.capture_full as f where f.job operator(pg_catalog.=) %4$s)
    returning seq, (select w.epoch from lamplighter.waiting as w where w.topic operator(pg_catalog.=) 'embeddings' and w.is_waiting)
    into v_seq, v_epoch;
    if v_seq is null then
      insert into lamplighter.change (job) values (%4$s)
      returning (select w.epoch from lamplighter.waiting as w where w.topic operator(pg_catalog.=) 'embeddings' and w.is_waiting) into v_epoch;
      perform pg_catalog.set_config('lamplighter.capture_%4$s', 'marked', true);
    else
      perform pg_catalog.set_config('lamplighter.capture_%4$s', case when v_run is null then 'logs' else '+' end, true);
    end if;
  end if;
  if v_seq operator(pg_catalog.%%) 1024 operator(pg_catalog.=) 0 then
    if pg_catalog.pg_relation_size('lamplighter.change'::pg_catalog.regclass) operator(pg_catalog.>) %5$s
      and (v_seq operator(pg_catalog.-) (
            select c.seq from lamplighter.change as c where c.job operator(pg_catalog.=) %4$s order by c.seq limit 1
          )) operator(pg_catalog.*) 80 operator(pg_catalog.>) %5$s
    then
      insert into lamplighter.capture_full (job) values (%4$s);
      perform pg_catalog.set_config('lamplighter.capture_%4$s', '', true);
    end if;
  end if;
  if v_epoch is not null then
    if pg_catalog.current_setting('max_prepared_transactions') operator(pg_catalog.=) '0'
      and pg_catalog.pg_notification_queue_usage() operator(pg_catalog.<) 0.5
    then
      perform pg_catalog.pg_notify('lamplighter_wake', pg_catalog.format('embeddings:%%s', v_epoch));
    end if;
  end if;
  return new;
end
$body$, v_filtered || v_changed, array_to_string(v_key_changes, ' or '), array_to_string(v_keys, ', '), p_job, v_job.capture_limit_bytes,
    v_known, v_remember, array_to_string(v_alike, ' and '));
end
$$;
