import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REQUEST_FUNCTIONS } from '../../src/core/request-functions.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type SpawnedProcess, spawnProcess } from '../support/process.ts';
import { rowsOf } from '../support/requests.ts';
import { planFuzz } from './fuzz.ts';
import { jsonText } from './hostile-json.ts';
import { storableText } from './hostile-text.ts';
import { isRightAnswer, reasonsToFail } from './request-oracle.ts';

let db: TestDatabase;
let worker: SpawnedProcess;
beforeAll(async () => {
  db = await createTestDatabase();
  worker = spawnProcess('test/fuzz/echo-worker-process.ts', [db.uri]);
  await worker.waitForLine(/^ready /, { timeoutMs: 30_000 });
}, 40_000);
afterAll(async () => {
  worker?.kill();
  await worker?.exited;
  await db?.[Symbol.asyncDispose]();
});

const text = storableText.map((value) => JSON.stringify(value));
const texts = fc.array(text, { maxLength: 6 }).map((items) => `[${items.join(',')}]`);
/** What each key should be, as JSON. */
const WELL_FORMED: Readonly<Record<string, fc.Arbitrary<string>>> = {
  prompt: text,
  text_input: text,
  query: text,
  pattern: text,
  task: text,
  documents: texts,
  choices: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.uniqueArray(text, { minLength: 2, maxLength: 6 }).map((items) => `[${items.join(',')}]`),
    },
    { weight: 1, arbitrary: text.map((item) => `["another",${item},${item}]`) },
  ),
  schema: jsonText.map((value) => `{"properties":{"a":${value}}}`),
  use_cache: fc.constantFrom('true', 'false'),
  seed: fc.constantFrom('0', '42', '7.0'),
  max_tokens: fc.constantFrom('1', '512', '4096'),
};

/** Parameters of any function: mostly right, with any of them missing, wrong or of a shape that nobody thought of, and others added. */
const parameters = fc
  .tuple(
    ...Object.entries(WELL_FORMED).map(([key, value]) =>
      fc.oneof(
        { weight: 12, arbitrary: value.map((json) => [`${JSON.stringify(key)}:${json}`]) },
        { weight: 1, arbitrary: jsonText.map((json) => [`${JSON.stringify(key)}:${json}`]) },
        { weight: 1, arbitrary: fc.constant<string[]>([]) },
      ),
    ),
    fc.array(
      fc.tuple(storableText, jsonText).map(([key, json]) => `${JSON.stringify(key)}:${json}`),
      { maxLength: 2 },
    ),
  )
  .map((members) => `{${members.flat().join(',')}}`);

const request = fc.record({ functionName: fc.constantFrom(...REQUEST_FUNCTIONS), parameters });

const BATCH = 25;
const fuzz = planFuzz('edited parameters', ['completed', 'failed'], BATCH);

test(`a request with any parameters ends, answered or failed for its reason ${fuzz.title}`, {
  timeout: fuzz.timeoutMs,
}, async () => {
  await fuzz.run(fc.array(request, { minLength: BATCH, maxLength: BATCH, size: 'max' }), async (requests) => {
    const { rows: queued } = await db.pool.query<{ request_id: string }>(
      `insert into public.steadytext_queue (function_name, parameters)
       select * from unnest($1::text[], $2::jsonb[]) returning request_id`,
      [requests.map(({ functionName }) => functionName), requests.map((one) => one.parameters)],
    );
    const ids = queued.map(({ request_id }) => request_id);
    await eventually(() => expectAllEnded(ids), { timeoutMs: 60_000 });
    const rows = await rowsOf(db.pool, ids);
    const rounded = await listRounded(ids);
    expect(rows).toHaveLength(requests.length);
    for (const [at, row] of rows.entries()) {
      const given = requests[at];
      if (given === undefined) continue;
      // As the worker reads them, which is after jsonb has put them in order.
      const reasons = reasonsToFail(given.functionName, row.parameters);
      const told = `${given.functionName} ${given.parameters.slice(0, 2_000)}: ${row.status}, ${row.error}`;
      expect(row.attempt, told).toBe(1);
      // Whether such a seed is the integer beside it depends on who reads it.
      if (rounded.has(row.request_id) && row.error === 'Seed must be a non-negative integer') reasons.push(row.error);
      if (reasons.length === 0) {
        expect(row.status, told).toBe('completed');
        expect(isRightAnswer(given.functionName, row.parameters, row.result ?? ''), told).toBe(true);
        fuzz.count('completed');
      } else {
        expect(row.status, told).toBe('failed');
        expect(reasons, told).toContain(row.error);
        fuzz.count('failed');
      }
    }
    await db.pool.query('delete from public.steadytext_queue where request_id = any ($1)', [ids]);
    // Level 40 is a warning: whatever a row holds, it is not the worker's trouble but the request's own.
    const lines = worker.stderr().split('\n');
    const troubles = lines.filter(
      (line) => /"level":"(warn|error|fatal)"/.test(line) && !line.includes('failed for good'),
    );
    expect(troubles).toEqual([]);
    const { password } = new URL(db.uri);
    if (password !== '') expect(worker.output()).not.toContain(password);
  });
});

/** Without the parameters, which take longer to read than the worker takes to answer. */
async function expectAllEnded(ids: readonly string[]): Promise<void> {
  const { rows } = await db.pool.query(
    `select function_name, status, error from public.steadytext_queue
     where request_id = any ($1) and status in ('pending', 'processing')`,
    [ids],
  );
  expect(rows).toEqual([]);
}

/** The requests whose seed is no integer, and one to whoever reads it as a JavaScript number. */
async function listRounded(ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await db.pool.query<{ request_id: string; seed: string }>(
    `select request_id, parameters ->> 'seed' as seed from public.steadytext_queue
     where request_id = any ($1) and jsonb_typeof(parameters -> 'seed') = 'number'
       and trunc((parameters ->> 'seed')::numeric) <> (parameters ->> 'seed')::numeric`,
    [ids],
  );
  return new Set(rows.flatMap(({ request_id, seed }) => (Number.isInteger(Number(seed)) ? request_id : [])));
}
