-- Counts the requests that wait in lanes. $1 functions and $2 models, in parallel, $3 where to stop counting. One row for each lane.
select w.function_name, w.model, w.waiting::text as waiting
from lamplighter.count_waiting($1, $2, $3) as w
