-- Lists the migrations that this schema has, in order. No row means that none was recorded.
select m.number, m.name, m.schema_version, m.checksum
from lamplighter.migration as m
order by m.number
