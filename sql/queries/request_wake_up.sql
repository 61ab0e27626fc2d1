-- Asks producers of $1 (a topic) for a wake-up on the channel lamplighter_wake. One row without content.
select lamplighter.request_wake_up($1)
