-- Lists the functions that are paused. Times are seconds since 1970. No row when none is.
select p.function_name, extract(epoch from p.paused_at)::text as paused_s, p.paused_by
from lamplighter.list_pauses() as p
