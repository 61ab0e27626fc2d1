-- Makes ready the requests whose delay is over. $1 at most how many. One row; promoted is 0 when none is due.
select lamplighter.promote_requests($1) as promoted
