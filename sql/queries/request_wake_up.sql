-- Asks enqueuers for a wake-up on the channel lamplighter_wake. One row without content.
select lamplighter.request_wake_up()
