-- Makes a failed request pending again. $1 request id. One row; is_retried is 'false' unless it had failed and is the caller's.
select public.steadytext_retry($1)::text as is_retried
