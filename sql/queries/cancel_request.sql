-- Cancels a request. $1 request id. One row; is_cancelled is 'false' when it has ended, is unknown or is not the caller's.
select public.steadytext_cancel_async($1)::text as is_cancelled
