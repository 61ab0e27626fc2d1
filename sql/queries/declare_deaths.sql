-- Declares dead the processes whose lease ran out. $1 for how many ms the server has been reachable (null: always), $2 the time of the
-- server, in ms since 1970, as of which silence is judged (null: now), $3 processes of this
-- login that have ended for certain. One row, which says nothing.
select lamplighter.declare_deaths($1, $2, $3)
