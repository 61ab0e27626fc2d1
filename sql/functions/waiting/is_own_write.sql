-- lamplighter.is_own_write (caller)
-- True when the row was last written by the transaction that asks, so that nobody else can see it yet.
create or replace function lamplighter.is_own_write(p_xmin xid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_current bigint := pg_current_xact_id_if_assigned()::text::bigint;
  v_writer bigint;
begin
  if v_current is null then
    return false;
  end if;
  -- The 64-bit id nearest to ours with these low 32 bits: a subtransaction's is above ours.
  v_writer := v_current + ((p_xmin::text::bigint - v_current) << 32 >> 32);
  if v_writer < pg_snapshot_xmin(pg_current_snapshot())::text::bigint then
    return false;
  end if;
  return pg_xact_status(v_writer::text::xid8) = 'in progress';
end
$$;
