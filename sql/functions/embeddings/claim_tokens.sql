-- lamplighter.claim_tokens (worker)
-- Counts tokens of a job as used today, before a model is asked, within p_limit a day in UTC: of texts of these sizes, in order, as many as
-- have room. The first text of a day has always room. What they took in truth is settled by finish_embeddings. granted: how many texts;
-- remaining: tokens left; wait_ms: until the next day.
create or replace function lamplighter.claim_tokens(
  p_job bigint,
  p_sizes integer[],
  p_limit bigint,
  out granted integer,
  out remaining bigint,
  out wait_ms double precision
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_day date := (clock_timestamp() at time zone 'UTC')::date;
  v_used bigint;
  v_claimed bigint;
begin
  insert into lamplighter.embedding_day (job, day, tokens) values (p_job, v_day, 0)
  on conflict on constraint embedding_day_pkey do nothing;
  select coalesce(d.tokens, 0) into v_used from lamplighter.embedding_day as d where d.job = p_job and d.day = v_day for update;
  select count(*), coalesce(sum(s.size), 0) into granted, v_claimed
  from (
    select t.size, sum(t.size) over (order by t.place) as whole
    from unnest(p_sizes) with ordinality as t (size, place)
  ) as s
  where s.whole <= p_limit - v_used;
  if granted = 0 and v_used = 0 and cardinality(p_sizes) > 0 then
    granted := 1;
    v_claimed := p_sizes[1];
  end if;
  update lamplighter.embedding_day as d set tokens = greatest(v_used + v_claimed, 0) where d.job = p_job and d.day = v_day;
  remaining := greatest(p_limit - v_used - v_claimed, 0);
  wait_ms := extract(epoch from (v_day + 1)::timestamp at time zone 'UTC' - clock_timestamp()) * 1000;
end
$$;
