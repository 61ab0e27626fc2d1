-- Lists what the schemas of the product hold, without its functions, in the words of a statement that makes it: kind and name, the table it
-- is a part of (null for relations), and what else has to be so ('' for nothing). Triggers that are disabled and indexes that are invalid are
-- left out, as they do nothing. No row where nothing is installed.
with
relation as (
  select c.oid, c.relkind, c.relrowsecurity, pg_catalog.format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('lamplighter', 'lantern') or n.nspname = 'public' and pg_catalog.starts_with(c.relname::text, 'steadytext_')
)
select case r.relkind when 'v' then 'view ' when 'S' then 'sequence ' else 'table ' end || r.name as object, null::text as part_of, '' as definition
from relation as r
where r.relkind in ('r', 'p', 'v', 'S')
union all
select pg_catalog.format('domain lamplighter.%I', t.typname), null, ''
from pg_catalog.pg_type as t
join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
where n.nspname = 'lamplighter' and t.typtype = 'd'
union all
select pg_catalog.format('column %s.%I', r.name, a.attname), r.name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
from relation as r
join pg_catalog.pg_attribute as a on a.attrelid = r.oid
where r.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
union all
select pg_catalog.format('constraint %I', c.conname), r.name, ''
from relation as r
join pg_catalog.pg_constraint as c on c.conrelid = r.oid
union all
select pg_catalog.format('index %I', x.relname), r.name, ''
from relation as r
join pg_catalog.pg_index as i on i.indrelid = r.oid
join pg_catalog.pg_class as x on x.oid = i.indexrelid
where i.indisvalid
union all
select pg_catalog.format('trigger %I', t.tgname), r.name, ''
from relation as r
join pg_catalog.pg_trigger as t on t.tgrelid = r.oid
where t.tgenabled <> 'D'
union all
select pg_catalog.format('policy %I', p.polname), r.name, ''
from relation as r
join pg_catalog.pg_policy as p on p.polrelid = r.oid
union all
select 'row level security', r.name, ''
from relation as r
where r.relrowsecurity
