-- Makes ready the requests whose delay is over. $1 at most how many. One row; promoted is 0 when none is due, refused counts those that
-- could not be changed, with one of them and the reason.
select p.promoted, p.refused, p.refused_request_id, p.refused_reason
from lamplighter.promote_requests($1) as p
