-- Takes batches back from processes that are not alive, see lamplighter.rescue_batches. One row: how many.
select lamplighter.rescue_batches() as rescued
