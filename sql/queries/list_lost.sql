-- Lists those of a worker's requests that are no longer in flight with it. $1 worker, $2 ids and $3 attempts (pairwise). No row when all
-- are.
select l.id
from lamplighter.list_lost($1, $2, $3) as l
