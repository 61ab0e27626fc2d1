-- Cancels autonomous requests that nobody waits for any more. One row; remaining says how many are still waited for.
select lamplighter.cancel_abandoned() as remaining
