-- What waits and runs now of the current role. One row: the figures as a JSON text.
select lamplighter.read_own_figures()::text as figures
