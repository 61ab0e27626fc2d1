-- Forgets cached answers whose request is gone. $1 key to go on after, $2 at most how many are looked at.
-- One row; last_key is null when the end was reached.
select lamplighter.prune_cached_results($1, $2) as last_key
