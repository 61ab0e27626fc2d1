import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const GENERATE = 'max_tokens integer DEFAULT 512, use_cache boolean DEFAULT true, seed integer DEFAULT 42';
const TAIL = 'priority integer DEFAULT 0, model text DEFAULT NULL::text';
/** Names the result when the function stands in FROM. */
const ID = 'OUT request_id uuid';
const TASK = 'Given a web search query, retrieve relevant passages that answer the query';
const TIMES =
  'created_at timestamp with time zone, started_at timestamp with time zone, completed_at timestamp with time zone';

const SIGNATURES: Readonly<Record<string, readonly [args: string, result: string | null]>> = {
  steadytext_generate_async: [`prompt text, ${GENERATE}, ${TAIL}, ${ID}`, 'uuid'],
  steadytext_embed_async: [`text_input text, use_cache boolean DEFAULT true, ${TAIL}, ${ID}`, 'uuid'],
  steadytext_generate_json_async: [`prompt text, schema jsonb, ${GENERATE}, ${TAIL}, ${ID}`, 'uuid'],
  steadytext_generate_regex_async: [`prompt text, pattern text, ${GENERATE}, ${TAIL}, ${ID}`, 'uuid'],
  steadytext_generate_choice_async: [`prompt text, choices text[], ${GENERATE}, ${TAIL}, ${ID}`, 'uuid'],
  steadytext_generate_batch_async: [`prompts text[], ${GENERATE}, ${TAIL}`, 'uuid[]'],
  steadytext_embed_batch_async: [`texts text[], use_cache boolean DEFAULT true, ${TAIL}`, 'uuid[]'],
  steadytext_rerank_async: [
    `query text, documents text[], task text DEFAULT '${TASK}'::text, use_cache boolean DEFAULT true, seed integer DEFAULT 42, ${TAIL}, ${ID}`,
    'uuid',
  ],
  steadytext_check_async: [
    'request_id uuid',
    `TABLE(status text, result text, error text, ${TIMES}, priority integer)`,
  ],
  steadytext_check_async_batch: [
    'request_ids uuid[]',
    'TABLE(request_id uuid, status text, result text, error text, created_at timestamp with time zone, completed_at timestamp with time zone)',
  ],
  steadytext_get_async_result: ['request_id uuid, timeout_seconds integer DEFAULT 30, OUT result text', 'text'],
  steadytext_cancel_async: ['request_id uuid', 'boolean'],
  steadytext_worker_status: [
    '',
    'TABLE(worker_id uuid, hostname text, pid integer, status text, version text, functions text[], concurrency integer, ' +
      'in_flight integer, processed bigint, failed bigint, started_at timestamp with time zone, last_heartbeat timestamp with time zone)',
  ],
  steadytext_queue_stats: [
    '',
    'TABLE(function_name text, pending bigint, processing bigint, completed bigint, failed bigint, cancelled bigint, ' +
      'oldest_pending interval, avg_processing interval, p95_processing interval)',
  ],
  steadytext_embedding: ['request_id uuid', 'real[]'],
  steadytext_retry: ['request_id uuid', 'boolean'],
  steadytext_prune: ['older_than interval', 'bigint'],
  steadytext_pause: ['function_name text', 'void'],
  steadytext_resume: ['function_name text', 'void'],
  steadytext_on_completed: ['handler regprocedure, function_name text DEFAULT NULL::text', 'bigint'],
  steadytext_drop_handler: ['handler_id bigint', 'boolean'],
  steadytext_batch_progress: [
    'batch_id uuid',
    'TABLE(total bigint, pending bigint, processing bigint, completed bigint, failed bigint, cancelled bigint)',
  ],
  steadytext_embed_table: [
    'IN source regclass, IN text_column text, IN request_column text, IN chunk_size integer DEFAULT 1000, IN use_cache boolean DEFAULT true, ' +
      'IN priority integer DEFAULT 0, IN model text DEFAULT NULL::text, INOUT queued bigint DEFAULT 0',
    null,
  ],
  steadytext_wait_batch: [
    'request_ids uuid[], timeout_seconds integer DEFAULT 30',
    'TABLE(request_id uuid, status text, result text, error text)',
  ],
};

test('the public functions have exactly these names, arguments, defaults and results', async () => {
  const { rows } = await db.pool.query<{ name: string; args: string; result: string | null }>(
    `select p.proname as name, pg_get_function_arguments(p.oid) as args, pg_get_function_result(p.oid) as result
     from pg_proc as p where p.pronamespace = 'public'::regnamespace and p.proname like 'steadytext%' order by 1`,
  );
  // Arguments of the returned table are listed like those of the call.
  const found = rows.map(({ name, args, result }) => [name, [args.replace(/(, )?\bTABLE\(.*$/, ''), result]]);
  expect(Object.fromEntries(found)).toEqual(SIGNATURES);
});

test('the public functions run as their caller, with a pinned search_path but for one that keeps it and a procedure that commits', async () => {
  const { rows } = await db.pool.query<{ name: string }>(
    `select p.proname as name from pg_proc as p
     where p.pronamespace = 'public'::regnamespace and p.proname like 'steadytext%'
       and (p.prosecdef or p.proconfig is distinct from array['search_path=pg_catalog, pg_temp'])`,
  );
  expect(rows.map(({ name }) => name).sort()).toEqual(['steadytext_embed_table', 'steadytext_on_completed']);
});

test("every private function pins its search_path, or has its names bound when it is made, but those that read their caller's", async () => {
  const { rows } = await db.pool.query<{ name: string }>(
    `select p.proname as name from pg_proc as p
     where p.pronamespace = 'lamplighter'::regnamespace
       and p.prosqlbody is null
       and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)`,
  );
  expect(rows).toEqual([{ name: 'enqueue_task' }, { name: 'run_deliveries' }]);
});

test('nothing is granted to PUBLIC', async () => {
  const { rows } = await db.pool.query<{ name: string }>(
    `select p.oid::regprocedure::text as name
     from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
     where p.oid::regprocedure::text ~ '^(steadytext|lamplighter\\.|lantern\\.)'
       and a.grantee = 0
     union all
     select c.oid::regclass::text
     from pg_class as c, aclexplode(c.relacl) as a
     where c.oid::regclass::text ~ '^(steadytext|lamplighter\\.|lantern\\.)' and a.grantee = 0
     union all
     select n.nspname from pg_namespace as n, aclexplode(n.nspacl) as a where n.nspname in ('lamplighter', 'lantern') and a.grantee = 0`,
  );
  expect(rows).toEqual([]);
});

test('the queue has its columns, all of them ordinary and with a default where one may be left out', async () => {
  const { rows } = await db.pool.query<{ column: string }>(
    `select format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod))
            || case when a.attnotnull then ' not null' else '' end
            || case when a.atthasdef or a.attidentity <> '' then ' default' else '' end
            || case when a.attgenerated <> '' then ' generated' else '' end as column
     from pg_attribute as a where a.attrelid = 'public.steadytext_queue'::regclass and a.attnum > 0 order by a.attnum`,
  );
  expect(rows.map(({ column }) => column)).toEqual([
    'id bigint not null default',
    'request_id uuid not null default',
    'function_name text not null',
    'parameters jsonb not null default',
    'status text not null default',
    'result text',
    'error text',
    'priority integer not null default',
    'created_at timestamp with time zone not null default',
    'started_at timestamp with time zone',
    'completed_at timestamp with time zone',
    'failed_at timestamp with time zone',
    'retry_count integer not null default',
    'username text not null default',
    'model text not null default',
    'batch_id uuid',
    'worker_id uuid',
    'attempt integer not null default',
    'run_at timestamp with time zone',
    'traceparent text default',
  ]);
});

test('every table has a primary key, but for the change log, which nobody waits for', async () => {
  const { rows } = await db.pool.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class as c
     where c.relkind in ('r', 'p')
       and (c.relnamespace = 'lamplighter'::regnamespace or c.oid = 'public.steadytext_queue'::regclass)
       and not exists (select from pg_constraint as k where k.conrelid = c.oid and k.contype = 'p')`,
  );
  expect(rows).toEqual([{ name: 'lamplighter.change' }]);
});
