-- Makes one step of one operation. One row; has_more says whether there is more to be done at once.
select lamplighter.step_operations()::pg_catalog.text as has_more
