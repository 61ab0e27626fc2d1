import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cast, createCast } from '../roles/cast.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

// A role can set these for itself, for ever (ALTER ROLE), and so for every function that it calls. None of them may change what comes
// out, in the session of a caller or of a worker.
const SETTINGS = [
  "datestyle = 'German'",
  "datestyle = 'SQL, DMY'",
  "intervalstyle = 'sql_standard'",
  "intervalstyle = 'iso_8601'",
  "timezone = 'Asia/Kathmandu'",
  "timezone = 'Etc/GMT+12'",
  'extra_float_digits = -15',
  "bytea_output = 'escape'",
  'standard_conforming_strings = off; set escape_string_warning = off',
  "backslash_quote = 'off'",
  'quote_all_identifiers = on',
  'array_nulls = off',
  'transform_null_equals = on',
  "xmloption = 'document'",
  "client_encoding = 'LATIN1'",
  "client_encoding = 'SQL_ASCII'",
  "default_transaction_isolation = 'repeatable read'",
  "default_transaction_isolation = 'serializable'",
  'default_transaction_deferrable = on',
  "default_tablespace = 'pg_default'; set temp_tablespaces = ''",
  "default_table_access_method = 'heap'",
  'check_function_bodies = off',
  "plan_cache_mode = 'force_generic_plan'",
  "plan_cache_mode = 'force_custom_plan'",
  'enable_indexscan = off; set enable_bitmapscan = off; set enable_indexonlyscan = off',
  'enable_seqscan = off; set enable_sort = off; set enable_hashagg = off; set enable_nestloop = off; set enable_material = off',
  'enable_hashjoin = off; set enable_mergejoin = off; set enable_tidscan = off',
  'jit = on; set jit_above_cost = 0; set jit_inline_above_cost = 0; set jit_optimize_above_cost = 0',
  "work_mem = '64kB'; set maintenance_work_mem = '1MB'; set temp_buffers = 100",
  'from_collapse_limit = 1; set join_collapse_limit = 1; set geqo_threshold = 2',
  'random_page_cost = 1e10; set cpu_tuple_cost = 1e10; set cursor_tuple_fraction = 0',
  'max_parallel_workers_per_gather = 8; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0',
  'gin_fuzzy_search_limit = 1',
  'synchronous_commit = off',
  'commit_siblings = 0',
  "search_path = ''",
  'search_path = nonexistent, pg_temp',
  "client_min_messages = 'debug5'",
  'debug_print_plan = on; set debug_pretty_print = on',
  "plpgsql.extra_errors = 'all'",
  "plpgsql.extra_warnings = 'all'",
  'plpgsql.print_strict_params = on',
  "application_name = E'x\\n\\x1b[31m; drop schema lamplighter'",
  "steadytext.max_queue_size = '0'; set steadytext.worker_concurrency = 'many'",
  "lamplighter.owner = 'me'",
] as const;

/** Texts that a wrong quotation, encoding or conversion would change. */
const TEXT = `it's "quoted" \\ \\\\n $1 %L {a,NULL} é`;
const VECTOR = '[0.1,-1.1754944e-38,3.4028235e+38]';

let cast: Cast;
beforeAll(async () => {
  cast = await createCast();
});
afterAll(() => cast[Symbol.asyncDispose]());
beforeEach(async () => {
  await cast.database.pool.query('delete from public.steadytext_queue; delete from lamplighter.worker');
  for (const role of ['a', 'worker'] as const) await cast.sessions[role].query('reset all');
});

/** What a caller sees of requests that take every way there is. */
async function live(): Promise<unknown> {
  const { a, worker: login } = cast.sessions;
  const enqueue = async (call: string) =>
    (await a.query<{ id: string }>(`select ${call.replaceAll('$1', '$1::text')}::text as id`, [TEXT])).rows[0]?.id ??
    '';
  const ids = [
    await enqueue('public.steadytext_embed_async($1)'),
    await enqueue('(public.steadytext_embed_batch_async(array[$1, $1]))[1]'),
    await enqueue(`public.steadytext_generate_json_async($1, jsonb_build_object('pattern', $1))`),
    await enqueue('public.steadytext_generate_choice_async($1, array[$1, $1 || $1], priority => 2147483647)'),
    await enqueue('public.steadytext_rerank_async($1, array[$1, $1 || $1, $1])').catch((error: Error) => error.message),
    await enqueue('public.steadytext_generate_regex_async($1, $1, seed => 2147483647, priority => -2147483648)'),
  ];
  const worker = await startSqlWorker(login, {
    functions: ['embed', 'generate_json', 'generate_choice', 'generate_regex'],
  });
  const claimed = await worker.claim();
  const parameters = claimed.map(({ parameters: given, priority }) => [given, priority]).sort();
  const [embedding, other, ...rest] = [...claimed].sort((x, y) => Number(x.id) - Number(y.id));
  if (!(embedding && other)) throw new Error('expected more requests');
  await worker.finish([embedding], { kind: 'completed', result: VECTOR });
  await worker.finish([other], { kind: 'failed', error: TEXT });
  await worker.finish(rest.slice(0, 1), { kind: 'retry', error: TEXT, delayMs: 60_000 });
  await worker.renewLease();
  const done = async (call: string, id: string | undefined) => (await a.query(`select ${call} as done`, [id])).rows[0];
  const answers = [
    await done(`public.steadytext_embedding($1) = '{0.1,-1.1754944e-38,3.4028235e+38}'::real[]`, ids[0]),
    await done('public.steadytext_retry($1)', other.requestId),
    await done('public.steadytext_cancel_async($1)', rest[1]?.requestId),
    (
      await a.query('select status, result, error from public.steadytext_check_async_batch($1)', [
        ids.filter((id) => id.length === 36),
      ])
    ).rows,
    (
      await a.query(
        'select function_name, pending, processing, completed, failed, cancelled from public.steadytext_queue_stats()',
      )
    ).rows,
    (await a.query('select hostname, status, functions, concurrency from public.steadytext_worker_status()')).rows,
    await done('public.steadytext_prune($1::interval)', '0 seconds'),
  ];
  const forged = await sqlErrorOf(a, `update public.steadytext_queue set status = 'completed'`);
  return { parameters, answers, forged: forged.code };
}

test.each(SETTINGS)('SET %s', async (setting) => {
  const expected = await live();
  await cast.database.pool.query('delete from public.steadytext_queue; delete from lamplighter.worker');
  for (const role of ['a', 'worker'] as const) await cast.sessions[role].query(`set ${setting}`);
  expect(await live()).toEqual(expected);
});

test.each([
  ['transaction_read_only', 'set default_transaction_read_only = on', '25006'],
  ['statement_timeout', `set statement_timeout = '1ms'`, '57014'],
  ['row_security', 'set row_security = off', '42501'],
])('%s hurts nobody but who sets it', async (_name, setting, code) => {
  const { a, b } = cast.sessions;
  await a.query(setting);
  // A statement of one millisecond may be quick enough.
  const refusal = await a
    .query(`select public.steadytext_embed_batch_async(array_fill('x'::text, array[5000]))`)
    .catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code });
  await a.query('reset all');
  await b.query(`select public.steadytext_embed_async('x')`);
  expect((await cast.database.pool.query('select distinct username from public.steadytext_queue')).rows).toEqual([
    { username: cast.names.b },
  ]);
});
