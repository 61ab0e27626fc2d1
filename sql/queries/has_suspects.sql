-- Tells whether any request waits to be run apart. One row.
select lamplighter.has_suspects() as has_suspects
