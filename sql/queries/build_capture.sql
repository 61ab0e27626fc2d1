-- Makes a job's capture function for its table as it is now, see lamplighter.build_capture. $1 job. No row where a column is missing.
select b.name, b.is_changed
from lamplighter.build_capture($1) as b
