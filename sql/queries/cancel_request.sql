-- Cancels a request. $1 request id. One row; is_cancelled is 'false' when it has ended, is unknown or is not the caller's.
-- The types are named, or somebody else's function in public that takes texts would be preferred.
select public.steadytext_cancel_async($1::uuid)::text as is_cancelled
