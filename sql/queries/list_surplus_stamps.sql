-- Key hashes of stamps of which many are of deleted rows, see lamplighter.list_surplus_stamps. $1 job, $2 most. No row where there are few.
select h as key_hash from lamplighter.list_surplus_stamps($1, $2) as h
