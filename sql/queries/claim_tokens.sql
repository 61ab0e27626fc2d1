-- Counts tokens of a job as used today, see lamplighter.claim_tokens. $1 job, $2 sizes of texts in tokens, $3 limit of the day, $4 which, null: today. One row.
select c.granted, c.remaining, c.wait_ms, c.day::pg_catalog.text from lamplighter.claim_tokens($1, $2, $3, $4) as c
