-- Announces completions that were recorded without an event, see lamplighter.announce_completions.
-- $1 worker, pairwise: $2 request ids, $3 functions, $4 statuses; $5 events given up since the last time, to be counted. One row.
select lamplighter.announce_completions($1, $2, $3, $4, $5)
