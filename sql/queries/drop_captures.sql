-- Drops the capture of canceled and removed jobs, see lamplighter.drop_captures. One row: how many are left, as their tables are in use.
select lamplighter.drop_captures() as busy
