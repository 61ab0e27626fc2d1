-- Lists those of a worker's requests that it no longer holds. $1 worker, $2 ids and $3 attempts (pairwise). No row when it holds all.
select l.id
from lamplighter.list_lost($1, $2, $3) as l
