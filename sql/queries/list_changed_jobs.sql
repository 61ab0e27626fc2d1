-- Of the jobs $1 (ids as text), those that have changed rows to be claimed now: in the change log, or in batches that are nobody's and due.
-- One row for each; none when there is nothing to do.
select listed.id::text as id from lamplighter.list_changed_jobs($1::bigint[]) as listed (id)
