-- Makes a failed request pending again. $1 request id. One row; is_retried is 'false' unless it had failed and is the caller's.
-- The types are named, or somebody else's function in public that takes texts would be preferred.
select public.steadytext_retry($1::uuid)::text as is_retried
