import type { SqlSession } from '../support/sql-session.ts';

/** What the filled tables are asked for. */
export interface FullTables {
  readonly requestId: string;
  readonly jobid: string;
  /** The number of the one embedding job. */
  readonly job: string;
}

/**
 * Fills the tables of all three systems: so many requests, of which a fifth waits, half of it of `role`; half as many tasks, of which a tenth
 * waits; and a fifth as many changes and failures of a job, and lines of the audit. No trigger, and one index of the end: a tenth of the time.
 */
export async function fillTables({ client }: SqlSession, rows: number, role: string): Promise<FullTables> {
  await client.query(`
    set session_replication_role = replica;
    alter table steadytext_queue drop constraint steadytext_queue_request_id_key;
    alter table steadytext_queue set (autovacuum_enabled = off);
    insert into steadytext_queue (id, function_name, model, parameters, status, created_at, username, priority, run_at, worker_id)
    select n, (array['embed', 'generate', 'rerank'])[n % 3 + 1], (array['default', 'other'])[n % 2 + 1], '{}',
           case when n % 5 = 0 then 'pending' else 'completed' end, now() - n % 86400 * interval '1 second',
           case when n % 2 = 0 then '${role}' else 'somebody' end, n % 7,
           case when n % 10 = 0 then null when n % 5 = 0 then now() + interval '1 hour' else '9000-01-01 00:00+00'::timestamptz end,
           null
    from generate_series(1, ${rows}) as n;
    alter table steadytext_queue add constraint steadytext_queue_request_id_key unique (request_id);
    insert into lamplighter.metric_lane (system, function_name, model) values ('requests', '', ''), ('requests', 'embed', 'default');
    insert into lamplighter.metric_minute (lane, minute, source, completed, waits, runs)
    select l.id, date_bin('1 minute', now(), 'epoch') - m * interval '1 minute', gen_random_uuid(), 1, '{1,2,3}', '{1,2,3}'
    from lamplighter.metric_lane as l, generate_series(0, 10079) as m;
    insert into lamplighter.task_run (run_id, jobid, username, role_oid, query, origin, state, queued_at, finished_at, is_projected)
    select n, n, 'somebody', 10, 'select 1', '', case when n % 10 = 0 then 'queued' else 'succeeded' end, now(),
           case when n % 10 > 0 then now() end, true
    from generate_series(1, ${rows / 2}) as n;
    insert into lamplighter.embedding_job
      (control_id, job_id, table_oid, schema_name, table_name, src_column, src_attnum, dst_column, dst_attnum, key_columns, key_attnums,
       column_type, model, dimensions, trusted_model, capture_limit_bytes, capture_name, state)
    values ('c', '1', 'steadytext_queue'::regclass, 'public', 'steadytext_queue', 'result', 1, 'vector', 2, '{id}', '{1}', 'real[]', 'm', 3, 'm',
            1000000, 'x', 'live');
    insert into lamplighter.change (job, key) select j.id, array[n::text] from lamplighter.embedding_job as j, generate_series(1, ${rows / 5}) as n;
    insert into lamplighter.embedding_failure (job, key_hash, key, attempts, is_final, error, last_failed_at)
    select j.id, md5(n::text)::uuid, array[n]::text, 1, true, 'e', now() - n * interval '1 second'
    from lamplighter.embedding_job as j, generate_series(1, ${rows / 5}) as n;
    insert into lamplighter.audit (source, action, kind, filter, count)
    select 'dashboard', 'retry', 'requests', '{}', 1 from generate_series(1, ${rows / 5});
    set session_replication_role = origin`);
  await client.query(
    'vacuum analyze steadytext_queue, lamplighter.task_run, lamplighter.embedding_failure, lamplighter.change',
  );
  const { rows: found } = await client.query<FullTables>(
    `select (select q.request_id::text from steadytext_queue as q where q.id = 5) as "requestId", '10' as jobid,
            (select j.id::text from lamplighter.embedding_job as j) as job`,
  );
  const [tables] = found;
  if (tables === undefined) throw new Error('expected a row');
  return tables;
}
