-- Finds the results of completed requests equal to these. $1 cache keys. A key without a row has none.
select c.cache_key, c.result
from lamplighter.lookup_cached_results($1) as c
