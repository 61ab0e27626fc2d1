-- Asks enqueuers for a wake-up, or takes that back. $1 whether to wait. One row without content.
select lamplighter.set_waiting($1)
