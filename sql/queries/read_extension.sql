-- Describes an extension. $1 its name. One row, none where the server does not offer it; the installed version is null when it is not
-- installed in this database.
select a.default_version, a.installed_version
from pg_catalog.pg_available_extensions as a
where a.name = $1
