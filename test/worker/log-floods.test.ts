import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FaultServer, startFaultServer } from '../faults/support/fault-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type LogLine, parseLogLine } from '../support/log-line.ts';
import { embed, firstValue, rowsOf, untilStatus } from '../support/requests.ts';
import { openTestPool } from '../support/test-pool.ts';
import { spawnWorker, startTestWorker, type WorkerProcess } from '../support/test-worker.ts';

const FAST = { heartbeatMs: 200, leaseMs: 2_000 } as const;

/** What a worker has said since it began to listen. */
function linesOf(worker: WorkerProcess): LogLine[] {
  const all = worker.stderr().split('\n').filter(Boolean).map(parseLogLine);
  return all.slice(all.findIndex(({ msg }) => msg === 'listening for notifications') + 1);
}

async function spawnListening(uri: string, maxRetries = 0): Promise<WorkerProcess> {
  const worker = await spawnWorker({ uri, maxRetries, provider: { maxBatch: 8 }, ...FAST });
  await worker.waitForLine(/listening for notifications/);
  return worker;
}

describe('under a trigger that raises', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterEach(async () => {
    await db.pool.query('drop function refuse_ends cascade; drop sequence refusal; delete from steadytext_queue');
  });
  afterAll(() => db[Symbol.asyncDispose]());

  /** Raises for rows that are to get one of these; refusals are counted in a sequence, which no rollback undoes. */
  async function refuse(statuses: readonly string[], raise = `raise exception 'no ends here'`): Promise<void> {
    await db.pool.query(`
      create sequence refusal;
      create function refuse_ends() returns trigger language plpgsql as $$
      begin
        if new.status in (${statuses.map((status) => `'${status}'`).join()}) then
          perform nextval('public.refusal');
          ${raise};
        end if;
        return new;
      end $$;
      create trigger refuse_ends before update on steadytext_queue for each row execute function refuse_ends()`);
  }
  const refusals = () => firstValue<string>(db.pool, 'select last_value from refusal').then(Number);

  test.each([
    [1, 7],
    [10, 60],
  ])(
    '%i rows that can never be ended give a handful of short lines',
    async (count, least) => {
      await refuse(['completed', 'failed']);
      await using worker = await spawnListening(db.uri);
      await embed(
        db.pool,
        Array.from({ length: count }, (_, n) => `text ${n}`),
      );
      await eventually(async () => expect(await refusals()).toBeGreaterThan(least), { timeoutMs: 20_000 });
      expect(linesOf(worker)).toMatchObject([
        { level: 40, msg: 'could not record the completions of some requests: no ends here' },
      ]);
      expect(worker.stderr().length).toBeLessThan(2_500);
      expect(worker.stderr()).not.toMatch(/stack|finish_requests|PL\/pgSQL/);
    },
    30_000,
  );

  test('what the trigger refuses is tried less and less often, and recorded when it may', async () => {
    await refuse(['completed', 'failed']);
    await using worker = await spawnListening(db.uri);
    const ids = await embed(db.pool, ['held up']);
    await eventually(async () => expect(await refusals()).toBeGreaterThan(8), { timeoutMs: 20_000 });
    await db.pool.query('alter table steadytext_queue disable trigger refuse_ends');
    const [row] = await untilStatus(db.pool, ids, 'failed', { timeoutMs: 20_000 });
    expect(row).toMatchObject({ attempt: 1, error: 'The result could not be stored: no ends here' });
    const said = await worker.waitForLine(/can record the completions of some requests again/);
    expect(JSON.parse(said).msg).toMatch(/again after \d+\.\d s, \d failures$/);
  }, 45_000);

  test.each([
    ['raises', `raise exception 'no ends here'`, 'no ends here'],
    ['misses a table', 'perform 1 from public.no_such_table', 'relation "public.no_such_table" does not exist'],
    ['lacks a right', 'set local role pg_monitor', 'cannot set parameter "role" within security-definer function'],
  ])(
    'a row whose result a trigger refuses, which %s, fails with those words, beside all others',
    async (_, raise, words) => {
      await refuse(['completed'], `if new.result = 'cursed' then ${raise}; end if`);
      await using worker = await spawnListening(db.uri);
      const prompts = ['cursed', ...Array.from({ length: 9 }, (__, n) => `blessed ${n}`)];
      const ids = await firstValue<string[]>(db.pool, 'select steadytext_generate_batch_async($1, 9, false)', [
        prompts,
      ]);
      await untilStatus(db.pool, ids.slice(1), 'completed');
      const [row] = await untilStatus(db.pool, ids.slice(0, 1), 'failed');
      expect(row).toMatchObject({ error: `The result could not be stored: ${words}` });
      expect(linesOf(worker).filter(({ level }) => level >= 40)).toMatchObject([
        { msg: `could not record the completions of some requests: ${words}` },
        { msg: `a request failed for good: The result could not be stored: ${words}`, requestId: row?.request_id },
      ]);
    },
  );

  test('a worker that stops hands back what cannot be ended, with the reason', async () => {
    await refuse(['completed', 'failed']);
    await using tested = await startTestWorker({ uri: db.uri, maxRetries: 0, ...FAST });
    const ids = await embed(db.pool, ['held up']);
    await eventually(async () => expect(await refusals()).toBeGreaterThan(5));
    const startedMs = performance.now();
    await tested.worker.stop();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    const [row] = await rowsOf(db.pool, ids);
    expect(row).toMatchObject({
      status: 'pending',
      error: 'The result could not be stored: no ends here',
      worker_id: null,
    });
  });
});

describe('while the server is away', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await startFaultServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each(['fast', 'kill'] as const)(
    'an outage (%s) of four seconds gives a line when it begins and one when it is over',
    async (downfall) => {
      const { uri } = await server.createDatabase();
      await using worker = await spawnListening(uri, 3);
      await withPool(uri, async (pool) => {
        await embed(pool, ['!sleep:1000 in hand', '!sleep:1000 too']);
        await eventually(async () =>
          expect(await firstValue(pool, `select count(*)::int from steadytext_queue where status = 'processing'`)).toBe(
            2,
          ),
        );
      });
      await server.stop(downfall);
      const downMs = performance.now();
      await eventually(() => expect(performance.now() - downMs).toBeGreaterThan(4_000));
      await server.start();
      await worker.waitForLine(/can use the database again/, { timeoutMs: 30_000 });
      await withPool(uri, async (pool) => {
        const ids = await embed(pool, ['afterwards']);
        await untilStatus(pool, ids, 'completed');
      });
      const said = linesOf(worker).map(({ msg }) => msg);
      expect(said.filter((msg) => !/^the (answer to a claim|lease) was lost/.test(msg))).toEqual([
        expect.stringMatching(/^cannot use the database: .*; what waits is kept and goes on by itself$/),
        expect.stringMatching(/^can use the database again after [4-9]\.\d s, \d+ failures$/),
      ]);
      expect(said.length).toBeLessThan(5);
      expect(worker.stderr().length).toBeLessThan(2_500);
    },
    60_000,
  );
});

async function withPool(uri: string, work: (pool: pg.Pool) => Promise<void>): Promise<void> {
  const pool = openTestPool({ connectionString: uri });
  try {
    await work(pool);
  } finally {
    await pool.end();
  }
}
