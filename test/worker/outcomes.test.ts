import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createLogger } from '../../src/core/log.ts';
import { createTroubles } from '../../src/core/recurring-trouble.ts';
import { createInFlight } from '../../src/worker/requests/in-flight.ts';
import { startOutcomeLog } from '../../src/worker/requests/record/outcome-log.ts';
import { runCli } from '../cli/run-cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type LogLine, parseLogLine } from '../support/log-line.ts';
import { embed, firstValue, generate, rowOf, untilStatus } from '../support/requests.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue; delete from lamplighter.worker'));
afterAll(() => db[Symbol.asyncDispose]());

const FAST = { heartbeatMs: 100, leaseMs: 2_000 } as const;
const WORDS = 'The test runtime was told to be unavailable';

/** A worker whose model has just put off a request for ten minutes; its id. */
async function putOff(): Promise<{ tested: TestWorker; id: string }> {
  const tested = await startTestWorker({ uri: db.uri, ...FAST });
  const id = await generate(db.pool, '!unavailable:600000');
  await eventually(async () => expect(await rowOf(db.pool, id)).toMatchObject({ status: 'pending', error: WORDS }));
  await eventually(async () =>
    expect(await firstValue(db.pool, 'select troubles from lamplighter.worker')).toMatchObject([
      { model: 'test/model' },
    ]),
  );
  return { tested, id };
}

const about = (lines: readonly LogLine[], text: RegExp) => lines.filter(({ msg }) => text.test(msg));

test('a model that is unavailable is told of once, in its own words, and again when it is back', async () => {
  const { tested } = await putOff();
  await using _ = tested;
  await generate(db.pool, '!unavailable:600000 too');
  await eventually(async () =>
    expect(await firstValue(db.pool, 'select troubles from lamplighter.worker')).toMatchObject([{ waiting: 2 }]),
  );
  await untilStatus(db.pool, [await generate(db.pool, 'well')], 'completed');
  expect(about(tested.lines(), /model/)).toMatchObject([
    {
      level: 40,
      msg: `the model "test/model" is unavailable: ${WORDS}; its requests are not charged, and are tried again`,
    },
    {
      level: 30,
      msg: expect.stringMatching(/^the model "test\/model" is available again after \d+\.\d s, 2 requests put off$/),
    },
  ]);
  await eventually(async () =>
    expect(await firstValue(db.pool, 'select troubles from lamplighter.worker')).toEqual([]),
  );
});

test('while it is, waits, status and doctor say so, and what it says', async () => {
  const { tested, id } = await putOff();
  await using _ = tested;
  const { hint } = await sqlErrorOf(db.pool, `select steadytext_get_async_result('${id}', 0)`);
  expect(hint).toMatch(
    new RegExp(
      `^The model "test/model" has been unavailable since .* UTC: ${WORDS}. The request is tried again by itself.$`,
    ),
  );
  const { stdout } = await runCli(['status', '--uri', db.uri]);
  expect(stdout).toMatch(
    /^Requests in .*\n +function .*\n +generate +default +1 +0 +\S.* +a model that is unavailable +The test runtime was told/m,
  );
  const { waits } = JSON.parse((await runCli(['status', '--json', '--uri', db.uri])).stdout);
  expect(waits).toEqual([
    {
      functionName: 'generate',
      model: 'default',
      reason: 'model unavailable',
      requests: 1,
      isExact: true,
      error: WORDS,
    },
  ]);
  const doctor = await runCli(['doctor', '--uri', db.uri]);
  expect(doctor.stdout).toMatch(
    new RegExp(
      `^warning +models +test/model is unavailable on \\S+ since \\d{4}-.*Z: ${WORDS} \\(requests put off: 1\\)$`,
      'm',
    ),
  );
  expect(doctor.code).toBe(0);
});

test('a caller learns that a model is unavailable, and what it says of their own requests only', async () => {
  const role = await db.createRole('caller');
  await firstValue(db.pool, `select lamplighter.grant_caller('${role.name}')`);
  const { tested } = await putOff();
  await using _ = tested;
  const { waits } = JSON.parse((await runCli(['status', '--json', '--uri', role.uri])).stdout);
  expect(waits).toEqual([]);
  const doctor = await runCli(['doctor', '--uri', role.uri]);
  expect(doctor.stdout).not.toContain(WORDS);
});

test('while another worker can use the model, its requests wait for a retry', async () => {
  const { tested, id } = await putOff();
  await using _ = tested;
  await using __ = await startTestWorker({ uri: db.uri, ...FAST });
  const { hint } = await sqlErrorOf(db.pool, `select steadytext_get_async_result('${id}', 0)`);
  expect(hint).toBe(`The last attempt failed, and another one follows: ${WORDS}`);
  const reason = `select reason from lamplighter.list_waits()`;
  expect(await firstValue(db.pool, reason)).toBe('retry');
});

test('what waits is told apart by what it waits for', async () => {
  await using _ = await startTestWorker({ uri: db.uri, functions: ['embed'], ...FAST });
  await embed(db.pool, ['!fail', '!fail too', '!fail as well']);
  await eventually(async () =>
    expect(await firstValue(db.pool, `select min(retry_count) from steadytext_queue`)).toBeGreaterThan(0),
  );
  await generate(db.pool, 'nobody');
  await firstValue(db.pool, `select steadytext_rerank_async('q', array['d'])`);
  await db.pool.query(`select steadytext_pause('rerank')`);
  const { rows } = await db.pool.query('select function_name, reason from lamplighter.list_waits()');
  expect(rows).toEqual([
    { function_name: 'embed', reason: 'retry' },
    { function_name: 'generate', reason: 'not served' },
    { function_name: 'rerank', reason: 'paused' },
  ]);
  await db.pool.query(`select steadytext_resume('rerank')`);
});

test('each request that failed for good has a line, ten a minute; more are counted', async () => {
  const tested = await startTestWorker({ uri: db.uri });
  const ids = await embed(
    db.pool,
    Array.from({ length: 15 }, (_, n) => `!invalid ${n}`),
  );
  await untilStatus(db.pool, ids, 'failed');
  await tested[Symbol.asyncDispose]();
  const failures = about(tested.lines(), /failed for good/);
  expect(failures).toHaveLength(11);
  expect(ids).toContain(failures[0]?.['requestId']);
  expect(failures[0]).toMatchObject({
    level: 40,
    function: 'embed',
    model: 'default',
    msg: 'a request failed for good: The test runtime was told that this is invalid',
  });
  expect(failures[10]).toMatchObject({ requests: 5, msg: '5 more requests failed for good in the last minute' });
});

test('each minute with work in it has a summary by lane, and one without has none', async () => {
  const lines: LogLine[] = [];
  const log = createLogger({ destination: { write: (line) => void lines.push(parseLogLine(line)) } });
  let passes = 0;
  const clock = {
    nowMs: systemClock.nowMs,
    delay: (ms: number, signal?: AbortSignal) => {
      passes += 1;
      return systemClock.delay(ms / 1_000, signal);
    },
  };
  const lanes = [
    { functionName: 'embed', model: 'default' },
    { functionName: 'generate', model: 'default' },
  ] as const;
  await embed(db.pool, ['waits', 'waits too']);
  await db.pool.query(
    `update steadytext_queue set run_at = now() + interval '1 hour' where id = (select min(id) from steadytext_queue)`,
  );
  const outcomes = startOutcomeLog({ db: db.pool, lanes, log, troubles: createTroubles({ log, clock }), clock });
  const untilPasses = (count: number) => {
    const from = passes;
    return eventually(() => expect(passes).toBeGreaterThanOrEqual(from + count));
  };
  await untilPasses(2);
  expect(lines).toEqual([]);
  const [entry] = createInFlight().add({ workerId: 'w', claimNumber: 1 }, [
    {
      id: '1',
      requestId: 'r',
      username: 'u',
      lane: lanes[0],
      parameters: undefined,
      priority: 0,
      createdUs: '0',
      attempt: 1,
      retryCount: 0,
    },
  ]);
  if (entry === undefined) throw new Error('expected a hold');
  outcomes.note({ entry, outcome: { kind: 'completed', result: '[]' } }, 'completed');
  outcomes.note({ entry, outcome: { kind: 'completed', result: '[]' } }, 'completed');
  outcomes.note({ entry, outcome: { kind: 'retry', error: 'no', delayMs: 1 } }, 'pending');
  outcomes.note({ entry, outcome: { kind: 'defer', error: 'no', delayMs: 1 } }, 'pending');
  outcomes.note({ entry, outcome: { kind: 'release' } }, 'pending');
  await untilPasses(3);
  await outcomes.stop();
  expect(lines).toMatchObject([
    {
      level: 30,
      msg: 'in the last minute: embed:default 2 answered, 1 retried, 1 delayed, 2 waiting',
      lanes: { 'embed:default': { answered: 2, failed: 0, retried: 1, delayed: 1, waiting: 2 } },
    },
  ]);
});

test('a failure that a retry follows keeps its cause in the row until the next end', async () => {
  await using _ = await startTestWorker({ uri: db.uri });
  const id = await generate(db.pool, '!fail-times:1 !sleep:400 then well');
  await eventually(async () =>
    expect(await rowOf(db.pool, id)).toMatchObject({
      status: 'processing',
      attempt: 2,
      error: 'The test runtime was told to fail',
    }),
  );
  expect(await untilStatus(db.pool, [id], 'completed')).toMatchObject([{ error: null }]);
});
