-- Lists the functions that the schema has by its ledger. identity is the name as DROP wants it, null where there is no such function
-- any more; body_checksum is of the text between the quotes; is_foreign tells that it belongs to another role than the schema does; grantees are the others that may execute it, quoted.
-- No row when none was recorded.
select r.schema_name, r.name, r.signature, r.checksum, r.audience, r.retired_in,
       case when p.oid is not null then pg_catalog.format('%I.%I(%s)', r.schema_name, r.name, r.arguments) end as identity,
       pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex') as body_checksum,
       coalesce(p.proowner <> own.nspowner, false) as is_foreign,
       array(
         select distinct case when a.grantee = 0::pg_catalog.oid then 'public' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)::text) end
         from pg_catalog.aclexplode(p.proacl) as a
         where a.grantee <> p.proowner
         order by 1
       ) as grantees
from lamplighter.routine as r
join pg_catalog.pg_namespace as own on own.nspname = 'lamplighter'
left join pg_catalog.pg_namespace as n on n.nspname = r.schema_name
left join pg_catalog.pg_proc as p
  on p.pronamespace = n.oid and p.proname = r.name and pg_catalog.pg_get_function_identity_arguments(p.oid) = r.arguments
order by r.schema_name, r.name
