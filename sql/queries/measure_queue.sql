-- Refreshes the count of pending requests when it has come near the limit. One row without content.
select lamplighter.measure_queue()
