-- What waits and runs now, of all roles. One row: the figures as a JSON text.
select lamplighter.read_figures()::text as figures
