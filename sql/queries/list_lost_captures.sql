-- Lists the tables of live embedding jobs whose changes are not captured: the trigger is not there, or does not fire for what sessions write.
-- For the owner. No row when all are.
select j.job_id, c.oid::pg_catalog.regclass::text as table_name, t.oid is not null as is_disabled,
       pg_catalog.format('ALTER TABLE %s ENABLE TRIGGER %I', c.oid::pg_catalog.regclass, t.tgname) as statement
from lamplighter.embedding_job as j
join pg_catalog.pg_class as c on c.oid = j.table_oid
left join pg_catalog.pg_proc as p on p.proname = j.capture_name and p.pronamespace = 'lamplighter'::pg_catalog.regnamespace::oid
left join pg_catalog.pg_trigger as t on t.tgrelid = c.oid and t.tgfoid = p.oid
where j.state in ('backfill', 'live') and (t.oid is null or t.tgenabled in ('D', 'R'))
order by j.id
