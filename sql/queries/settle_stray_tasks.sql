-- Ends queued tasks that nobody is to run: of dropped or renamed roles, and of copied databases. One row with how many.
select lamplighter.settle_stray_tasks() as settled
