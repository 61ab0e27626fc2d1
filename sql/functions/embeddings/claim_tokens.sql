-- lamplighter.claim_tokens (worker)
-- Counts tokens of a job as used today, before a model is asked, within p_limit a day in UTC: of texts of these sizes, in order, as many as
-- have room, whatever the models were. The first text of a day has always room. What they took in truth is settled by finish_embeddings, or
-- by p_day, which takes them for that day. granted: how many texts; remaining: tokens left; wait_ms: until the next day; day: the one that
-- they count for. For a job that is gone, nothing is counted.
create or replace function lamplighter.claim_tokens(
  p_job bigint,
  p_sizes integer[],
  p_limit bigint,
  p_day date,
  out granted integer,
  out remaining bigint,
  out wait_ms double precision,
  out day date
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_model text;
  v_used bigint;
  v_claimed bigint;
begin
  day := coalesce(p_day, (clock_timestamp() at time zone 'UTC')::date);
  wait_ms := extract(epoch from (day + 1)::timestamp at time zone 'UTC' - clock_timestamp()) * 1000;
  select j.model into v_model from lamplighter.embedding_job as j where j.id = p_job;
  if not found then
    granted := cardinality(p_sizes);
    remaining := p_limit;
    return;
  end if;
  insert into lamplighter.embedding_day as d (job, day, model, tokens) values (p_job, claim_tokens.day, v_model, 0)
  on conflict on constraint embedding_day_pkey do nothing;
  -- Who claims waits here for who claims.
  perform from lamplighter.embedding_day as d where d.job = p_job and d.day = claim_tokens.day and d.model = v_model for update;
  select coalesce(sum(d.tokens), 0) into v_used from lamplighter.embedding_day as d where d.job = p_job and d.day = claim_tokens.day;
  select count(*), coalesce(sum(s.size), 0) into granted, v_claimed
  from (
    select t.size, sum(t.size) over (order by t.place) as whole
    from unnest(p_sizes) with ordinality as t (size, place)
  ) as s
  where p_day is not null or s.whole <= p_limit - v_used;
  if granted = 0 and v_used = 0 and cardinality(p_sizes) > 0 then
    granted := 1;
    v_claimed := p_sizes[1];
  end if;
  update lamplighter.embedding_day as d
  set tokens = greatest(coalesce(d.tokens, 0) + v_claimed, 0)
  where d.job = p_job and d.day = claim_tokens.day and d.model = v_model;
  remaining := greatest(p_limit - v_used - v_claimed, 0);
end
$$;
