-- lamplighter.list_surplus_stamps (worker)
-- Key hashes of stamps of a job, up to p_most of them from a random one on, in order, if there are far more of them than the table has rows:
-- then many are of rows that were deleted, which nobody captures. None while no pass has counted the rows, or where the surplus is too
-- small to be worth a look at the whole table.
create or replace function lamplighter.list_surplus_stamps(p_job bigint, p_most integer) returns setof uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_rows bigint;
  v_limit bigint;
  v_from uuid := '00000000-0000-0000-0000-000000000000';
  v_count bigint;
begin
  select p.row_count into v_rows from lamplighter.embedding_progress as p where p.job = p_job;
  v_limit := v_rows + greatest(v_rows / 5, 1000);
  select count(*) into v_count from (select from lamplighter.embedding_stamp as s where s.job = p_job limit v_limit + 1) as s;
  if v_limit is null or v_count <= v_limit then
    return;
  end if;
  if v_count > p_most then
    v_from := gen_random_uuid();
  end if;
  return query select s.key_hash from lamplighter.embedding_stamp as s where s.job = p_job and s.key_hash >= v_from order by s.key_hash limit p_most;
end
$$;
