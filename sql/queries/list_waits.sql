-- Says what the caller's pending requests (the owner's: everybody's) wait for. One row for each function, model and reason.
select w.function_name, w.model, w.reason, w.requests::text as requests, w.is_exact, w.error
from lamplighter.list_waits() as w
