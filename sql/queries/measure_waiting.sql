-- Has requests that wait in the figures of the minutes in which they were queued. One row without content.
select lamplighter.measure_waiting()
