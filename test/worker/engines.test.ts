import { existsSync, readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { fixtureProvider } from '../models/onnx-fixtures.ts';
import { compiledUrl } from '../support/compiled-program.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, generate, rowsOf, untilStatus, untilStatusAfterRetries } from '../support/requests.ts';
import { type LocalWorkerOptions, startTestWorker } from '../support/test-worker.ts';

const ENGINE = compiledUrl('test/models/misbehaving-engine.ts');

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

/** A worker whose embeddings come from an engine that does what the texts say, and all else from the test runtime. */
const startEngineWorker = (options: Partial<LocalWorkerOptions> = {}) =>
  startTestWorker({
    uri: db.uri,
    embedModel: 'mean',
    providers: [fixtureProvider('mean', { engineEntry: ENGINE })],
    ...options,
  });

const batchWith = (poison: string) => Array.from({ length: 16 }, (_, at) => (at === 7 ? poison : `text ${at}`));

/** The engines of this process. */
function enginesOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readText(`/proc/${pid}/cmdline`).includes('misbehaving-engine') && parentOf(pid) === parent);
}

const parentOf = (pid: number) => Number(/^PPid:\s+(\d+)$/m.exec(readText(`/proc/${pid}/status`))?.[1]);

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test.each([
  ['!segv', 'was ended by SIGSEGV'],
  ['!kill', 'was ended by SIGKILL'],
  ['!exit', 'ended with code 3'],
])(
  'a request that ends its engine by %s fails after its tries, with the reason; its 15 neighbours complete, the worker lives',
  async (step, reason) => {
    await using tested = await startEngineWorker({ maxRetries: 1 });
    const { workerId } = tested.worker;
    const ids = await embed(db.pool, batchWith(`poison ${step}`));
    const beside = await Promise.all(Array.from({ length: 5 }, (_, at) => generate(db.pool, `beside ${at}`)));
    for (const row of await untilStatus(db.pool, beside, 'completed')) expect(row.attempt).toBe(1);
    const [poison = ''] = ids.splice(7, 1);
    const rows = await untilStatus(db.pool, ids, 'completed', { timeoutMs: 30_000 });
    expect(new Set(rows.map(({ retry_count }) => retry_count))).toEqual(new Set([0]));
    const [failed] = await untilStatusAfterRetries(db.pool, [poison], 'failed');
    expect(failed).toMatchObject({
      error: `The engine of mean ${reason} while it ran this request`,
      retry_count: 1,
      attempt: 2,
      worker_id: workerId,
    });
    expect(tested.worker.workerId).toBe(workerId);
  },
  90_000,
);

test('an engine that is killed in the midst of a batch costs nobody more than one charge, and nothing is lost', async () => {
  await using _ = await startEngineWorker();
  const ids = await embed(db.pool, [...batchWith('text 7'), 'one that takes !sleep:500']);
  await eventually(async () =>
    expect((await rowsOf(db.pool, ids)).every(({ status }) => status === 'processing')).toBe(true),
  );
  const [engine = 0] = enginesOf(process.pid);
  process.kill(engine, 'SIGKILL');
  const rows = await untilStatus(db.pool, ids, 'completed', { timeoutMs: 30_000 });
  for (const row of rows) expect(row.retry_count).toBeLessThanOrEqual(1);
  expect(existsSync(`/proc/${engine}`)).toBe(false);
}, 60_000);

test('a hanging engine is ended, and holds a slot for about two time limits; only the request that hangs is charged', async () => {
  await using _ = await startEngineWorker({ timeoutMs: 1_500, maxRetries: 0 });
  const [hung] = enginesOf(process.pid);
  const startedMs = performance.now();
  const ids = await embed(db.pool, batchWith('poison !hang'));
  const [poison = ''] = ids.splice(7, 1);
  const [failed] = await untilStatus(db.pool, [poison], 'failed', { timeoutMs: 30_000 });
  // Two limits, and the time of two starts.
  expect(performance.now() - startedMs).toBeLessThan(9_000);
  expect(failed).toMatchObject({ error: 'Timed out after 1s500ms', attempt: 1 });
  for (const row of await untilStatus(db.pool, ids, 'completed', { timeoutMs: 30_000 }))
    expect(row.retry_count).toBe(0);
  await eventually(() => expect(existsSync(`/proc/${hung}`)).toBe(false));
}, 60_000);

test('where the engine says which request hangs, it is charged after one time limit, and the others are not run one by one', async () => {
  await using _ = await startEngineWorker({ timeoutMs: 1_500, maxRetries: 0 });
  const startedMs = performance.now();
  const ids = await embed(db.pool, batchWith('poison !hang !each'));
  const [poison = ''] = ids.splice(7, 1);
  await untilStatus(db.pool, [poison], 'failed', { timeoutMs: 30_000 });
  expect(performance.now() - startedMs).toBeLessThan(3_000);
  const rows = await untilStatus(db.pool, ids, 'completed', { timeoutMs: 30_000 });
  // Seven were through before; the other eight were handed back, and came again together.
  expect(rows.map(({ attempt, retry_count }) => [attempt, retry_count])).toEqual(
    rows.map((__, at) => [at < 7 ? 1 : expect.any(Number), 0]),
  );
}, 60_000);

test('a call that takes longer than the limit in all is charged to nobody while it goes on', async () => {
  await using _ = await startEngineWorker({ timeoutMs: 1_000, maxRetries: 0 });
  const texts = Array.from({ length: 8 }, (__, at) => `text ${at} !each !sleep:400`);
  const rows = await untilStatus(db.pool, await embed(db.pool, texts), 'completed', { timeoutMs: 30_000 });
  expect(rows.map(({ retry_count }) => retry_count)).toEqual(texts.map(() => 0));
}, 60_000);
