-- lamplighter.retry_embeddings (owner, worker)
create or replace function lamplighter.retry_embeddings(job bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count bigint := 0;
  v_from uuid;
  v_piece record;
begin
  loop
    select r.retried, r.next_from into v_piece from lamplighter.retry_failures(job, null, v_from) as r;
    v_count := v_count + v_piece.retried;
    v_from := v_piece.next_from;
    exit when v_from is null;
  end loop;
  return v_count;
end
$$;

comment on function lamplighter.retry_embeddings(bigint) is
  'Embeds the rows of an embedding job again that have failed for good; returns how many. job: its number in lamplighter.embedding_status.';
