-- Takes the request for a wake-up back after it was heard. $1 the topic, $2 the epoch that came with it. One row without content.
select lamplighter.confirm_wake_up($1, $2)
