-- Tells whether the current role may read the figures of all roles. One row.
select pg_catalog.has_function_privilege('lamplighter.read_figures()', 'EXECUTE') as is_allowed
