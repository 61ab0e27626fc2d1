import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { migrateAs } from '../support/owned-database.ts';
import { embed, generate, rowsOf, untilStatus } from '../support/requests.ts';
import { openTestPool } from '../support/test-pool.ts';
import { startTestWorker } from '../support/test-worker.ts';

describe('when sessions are ended', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterEach(() => db.pool.query('delete from steadytext_queue'));
  afterAll(() => db[Symbol.asyncDispose]());

  /** Ends all sessions of workers; how many there were. */
  async function cutSessions(): Promise<number> {
    const { rowCount } = await db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'lamplighter%' and application_name not like '%test%'`,
    );
    return rowCount ?? 0;
  }

  test('what runs is kept, recorded under the same lease, and the worker listens again', async () => {
    const gated = createGatedProvider();
    await using tested = await startTestWorker({ uri: db.uri, providers: [gated], generateModel: 'gated/model' });
    const { workerId } = tested.worker;
    const id = await generate(db.pool, 'cut off');
    const call = await gated.call('cut off');
    await eventually(async () => expect(await cutSessions()).toBeGreaterThan(1));
    expect(call.signal.aborted).toBe(false);
    call.answer('kept');
    const [row] = await untilStatus(db.pool, [id], 'completed');
    expect(row).toMatchObject({ result: 'kept', attempt: 1, retry_count: 0, worker_id: workerId });
    const listeners = `select 1 from pg_stat_activity where datname = current_database() and application_name = 'lamplighter listener'`;
    await eventually(async () => expect((await db.pool.query(listeners)).rowCount).toBe(1));
    await untilStatus(db.pool, await embed(db.pool, ['heard again']), 'completed');
  });

  test('again and again under load, every request still ends once, charged to nobody', async () => {
    const completed: string[] = [];
    const listener = new pg.Client({ connectionString: db.uri, application_name: 'lamplighter test listener' });
    await listener.connect();
    listener.on('notification', ({ payload = '{}' }) => completed.push(JSON.parse(payload).request_id));
    await listener.query('listen steadytext_completed');
    try {
      await using _ = await startTestWorker({
        uri: db.uri,
        heartbeatMs: 200,
        leaseMs: 2_000,
        provider: { maxBatch: 8 },
      });
      const texts = Array.from({ length: 300 }, (__, n) => (n % 8 === 0 ? `!sleep:40 ${n}` : `text ${n}`));
      const ids = await embed(db.pool, texts);
      let cuts = 0;
      const rows = await eventually(
        async () => {
          if (cuts < 12) cuts += Math.sign(await cutSessions());
          return untilStatus(db.pool, ids, 'completed', { timeoutMs: 0 });
        },
        { timeoutMs: 19_000, intervalMs: 60 },
      );
      expect(cuts).toBeGreaterThan(2);
      expect(rows.every(({ retry_count, result }) => retry_count === 0 && result !== null)).toBe(true);
      await eventually(() => expect(completed.length).toBeGreaterThanOrEqual(ids.length));
      expect([...completed].sort()).toEqual([...ids].sort());
    } finally {
      await listener.end();
    }
  });
});

describe('when the server is away', () => {
  let folder: string;
  let server: EmbeddedServer;
  let pool: pg.Pool;

  const start = (port: number) =>
    startEmbeddedServer({ dataDir: folder, port, persistent: true, settings: { fsync: 'off' } });
  const openPool = () => openTestPool({ connectionString: server.uri });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lamplighter-outage-'));
    await chmod(folder, 0o755); // as root, the server runs as somebody else
    server = await start(0);
    await migrateAs(server.uri);
    pool = openPool();
  });
  afterAll(async () => {
    await pool.end();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function stopServer(signal?: NodeJS.Signals): Promise<void> {
    await pool.end();
    if (signal === undefined) return server.stop();
    const [pid] = (await readFile(join(folder, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), signal);
    await server.ended;
    await server.stop();
  }
  async function startServer(): Promise<void> {
    server = await start(server.port);
    pool = openPool();
  }

  test.each<[string, NodeJS.Signals | undefined]>([
    ['restarted', undefined],
    ['killed and recovers', 'SIGQUIT'],
  ])(
    'a server that is %s finds its workers at work, for longer than their leases, and charges nobody',
    async (_, signal) => {
      const gates = [createGatedProvider(), createGatedProvider()] as const;
      const options = {
        uri: server.uri,
        generateModel: 'gated/model',
        concurrency: 1,
        heartbeatMs: 200,
        leaseMs: 1_000,
      };
      await using first = await startTestWorker({ ...options, providers: [gates[0]] });
      await using second = await startTestWorker({ ...options, providers: [gates[1]] });
      const ids = [await generate(pool, 'one')];
      await eventually(() => expect(gates[0].calls.length + gates[1].calls.length).toBe(1));
      ids.push(await generate(pool, 'two'));
      await eventually(() => expect([gates[0].calls.length, gates[1].calls.length]).toEqual([1, 1]));
      await pool.query('checkpoint');

      await stopServer(signal);
      // Until the outage is longer than the lease.
      const downMs = performance.now();
      await eventually(() => {
        expect(first.warnings().map(({ msg }) => msg)).toEqual([expect.stringMatching(/^cannot use the database: /)]);
        expect(performance.now() - downMs).toBeGreaterThan(1_500);
      });
      for (const call of [...gates[0].calls, ...gates[1].calls]) call.answer(`answer to ${call.prompt}`);
      await startServer();

      const rows = await untilStatus(pool, ids, 'completed', { timeoutMs: 15_000 });
      expect(rows).toMatchObject([
        { result: 'answer to one', attempt: 1, retry_count: 0 },
        { result: 'answer to two', attempt: 1, retry_count: 0 },
      ]);
      // Not what ran, but a claim of tasks may have been on its way as the server went: who lost its answer goes on under a new id.
      const seen = 'select worker_id, status from steadytext_worker_status()';
      await eventually(async () => {
        const workers = (await pool.query(seen)).rows;
        for (const { worker } of [first, second])
          expect(workers).toContainEqual({ worker_id: worker.workerId, status: 'running' });
        expect(workers.filter(({ status }) => status === 'dead')).toEqual([]);
      });
      await pool.query('delete from steadytext_queue');
    },
  );

  test('a worker goes on as soon as any part of it notices that the server is back, whatever pauses the others are in', async () => {
    await using tested = await startTestWorker({ uri: server.uri, heartbeatMs: 500, leaseMs: 10_000 });
    await untilStatus(pool, await embed(pool, ['before']), 'completed');
    await stopServer();
    // Until the pauses are longer than what is asked for below.
    const downMs = performance.now();
    await eventually(() => expect(performance.now() - downMs).toBeGreaterThan(8_000), { timeoutMs: 12_000 });
    await startServer();
    const heartbeat = `select 1 from lamplighter.worker where worker_id = $1 and last_heartbeat > pg_postmaster_start_time()`;
    await eventually(async () => expect((await pool.query(heartbeat, [tested.worker.workerId])).rowCount).toBe(1));
    const startedMs = performance.now();
    await untilStatus(pool, await embed(pool, ['after']), 'completed');
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    await pool.query('delete from steadytext_queue');
  }, 40_000);

  test('a worker whose server is away stops in bounded time, and what was in flight is run by others', async () => {
    const tested = await startTestWorker({ uri: server.uri, heartbeatMs: 200, leaseMs: 1_000 });
    const id = await generate(pool, '!hang');
    await eventually(async () => expect(await rowsOf(pool, [id])).toMatchObject([{ status: 'processing' }]));
    await stopServer();
    const startedMs = performance.now();
    await tested.worker.stop({ isImmediate: true });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await startServer();
    await pool.query(`update steadytext_queue set parameters = parameters || '{"prompt": "well"}'`);
    await using _ = await startTestWorker({ uri: server.uri, heartbeatMs: 200, leaseMs: 1_000 });
    await untilStatus(pool, [id], 'completed');
  });
});
