-- lamplighter.require_pattern (caller)
-- Raises 22023 for a pattern that every worker would refuse, as far as SQL can tell: groups and classes that are not closed, and what no
-- automaton can follow (backreferences, recursion, conditions, verbs, code). p_place ends the message. What this refuses a worker refuses too,
-- in the same words; the rest is for the worker.
create or replace function lamplighter.require_pattern(p_pattern text, p_place text default '') returns void
language plpgsql immutable security invoker set search_path = pg_catalog, pg_temp
-- Its literals are read when a session first runs them.
set standard_conforming_strings = on as $$
declare
  v_position integer := 1;
  v_depth integer := 0;
  v_token text;
  v_problem text;
begin
  -- Where parentheses may be text or a comment a worker has to tell; so it has for one that is long.
  if length(p_pattern) > 2000 or p_pattern ~ '\\[Qc]|\(\?#|\(\?[-a-zA-Z^]*x' then
    return;
  end if;
  for v_token in
    select m.parts[1]
    from regexp_matches(p_pattern, '(\\.|\[\^?(?:\\.|\[:\^?[a-z]+:\]|[^]\\])*\]|\(\?[R0-9({]|\(\*|.)', 'g') as m (parts)
  loop
    v_problem := case
      when v_token ~ '^\\[1-9k]' then 'a backreference at position %s: write out what it may repeat'
      when v_token ~ '^\(\?[R0-9]' then 'a recursion at position %s: write out as many levels as are needed'
      when v_token = '(?(' then 'a condition at position %s: write both cases as alternatives'
      when v_token = '(*' then 'a verb of backtracking at position %s: use alternatives and lookaheads'
      when v_token = '(?{' then 'code in a pattern at position %s: leave it out'
    end;
    if v_problem is not null then
      raise exception 'Pattern not supported: %', format(v_problem, v_position) || p_place using errcode = '22023';
    end if;
    v_depth := v_depth + case v_token when '(' then 1 when ')' then -1 else 0 end;
    v_problem := case
      when v_depth < 0 then format('Unmatched '')'', near position %s', v_position)
      when v_token = '[' then format('Unterminated character class, near position %s', length(p_pattern) + 1)
      when v_token = E'\\' then format('Invalid escape, near position %s', length(p_pattern) + 1)
    end;
    v_position := v_position + length(v_token);
    exit when v_problem is not null;
  end loop;
  if v_problem is null and v_depth > 0 then
    v_problem := format('Unterminated group, near position %s', v_position);
  end if;
  if v_problem is not null then
    raise exception 'Pattern is not valid: %', v_problem || p_place using errcode = '22023';
  end if;
end
$$;
