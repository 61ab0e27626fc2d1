import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { WEIGHTS } from '../support/real-weights.ts';
import { embed } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';
import { type RayCluster, startRayCluster } from './ray-cluster.ts';

const PYTHON = process.env['LAMPLIGHTER_TEST_RAY_PYTHON'] ?? 'python3';
const MODEL = `${WEIGHTS}/all-MiniLM-L6-v2`;
const CORES = Math.max(2, availableParallelism());
const WAIT = { timeoutMs: 240_000 };

const HAS_MODEL = existsSync(`${MODEL}/onnx/model.onnx`);

let db: TestDatabase;
let ray: RayCluster;
beforeAll(async () => {
  if (!HAS_MODEL) return;
  db = await createTestDatabase();
  ray = await startRayCluster(PYTHON, MODEL, CORES);
  vi.stubEnv('OPENAI_BASE_URL', ray.url);
}, WAIT.timeoutMs);
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(async () => {
  vi.unstubAllEnvs();
  if (!HAS_MODEL) return;
  await ray[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
}, WAIT.timeoutMs);

const startWorker = () =>
  startTestWorker({ uri: db.uri, functions: ['embed'], embedModel: 'openai/all-MiniLM-L6-v2', concurrency: 8 });
const texts = (count: number, what: string) =>
  Array.from(
    { length: count },
    (_, at) => `${what} ${at}: the lamplighter goes from lamp to lamp and lights each in its turn`,
  );

/** What has ended in which way, and the most that anything was charged. */
async function untilEnded(count: number) {
  return eventually(async () => {
    const { rows } = await db.pool.query<{ completed: number; failed: number; charged: number }>(
      `select count(*) filter (where status = 'completed')::integer as completed,
              count(*) filter (where status = 'failed')::integer as failed, max(retry_count) as charged
       from steadytext_queue`,
    );
    expect((rows[0]?.completed ?? 0) + (rows[0]?.failed ?? 0)).toBe(count);
    return rows[0];
  }, WAIT);
}

/** Requests a second of a worker on so many replicas, the share of the work that the idlest of these did, and the cores that each used. */
async function measure(replicas: number, count: number) {
  await ray.setReplicas(replicas);
  await embed(db.pool, texts(count, `on ${replicas}`));
  const before = await ray.cpuSeconds();
  const beganMs = performance.now();
  await using _ = await startWorker();
  expect(await untilEnded(count)).toEqual({ completed: count, failed: 0, charged: 0 });
  const perSecond = count / ((performance.now() - beganMs) / 1_000);
  const used = (await ray.cpuSeconds()).map((seconds, at) => seconds - (before[at] ?? 0));
  const sum = used.reduce((all, seconds) => all + seconds, 0);
  return { perSecond, leastShare: Math.min(...used) / sum, coresEach: sum / replicas / (count / perSecond) };
}

test.skipIf(!HAS_MODEL)(
  'a worker keeps two replicas busy, and is answered faster than by one, as far as there are cores',
  async () => {
    const one = await measure(1, 2_000);
    await db.pool.query('delete from steadytext_queue');
    const two = await measure(2, 2_000);
    const told = `${Math.round(one.perSecond)} requests/s on one replica, ${Math.round(two.perSecond)} on two, ${availableParallelism()} cores`;
    process.stderr.write(`${told}\n`);
    expect(two.leastShare).toBeGreaterThan(0.25);
    // Ray counts a core for each: more would be another one's.
    expect(Math.max(one.coresEach, two.coresEach)).toBeLessThan(1.1);
    // On two cores the replicas share them with the database, the worker and Ray.
    if (availableParallelism() >= 4) expect(two.perSecond, told).toBeGreaterThan(one.perSecond * 1.4);
  },
  600_000,
);

test.skipIf(!HAS_MODEL)(
  'a replica that is killed under load loses and charges nothing',
  async () => {
    await ray.setReplicas(2);
    const count = 2_000;
    await embed(db.pool, texts(count, 'killed'));
    await using _ = await startWorker();
    await eventually(async () => {
      const { rows } = await db.pool.query("select from steadytext_queue where status = 'completed' limit 100");
      expect(rows.length).toBe(100);
    }, WAIT);
    await ray.kill();
    expect(await untilEnded(count)).toEqual({ completed: count, failed: 0, charged: 0 });
    await eventually(async () => expect(await ray.replicas()).toBe(2), WAIT);
  },
  600_000,
);

test.skipIf(!HAS_MODEL)(
  'the number of replicas follows the queue, up and down',
  async () => {
    await ray.setReplicas('auto');
    await eventually(async () => expect(await ray.replicas()).toBe(1), WAIT);
    const count = 4_000;
    await embed(db.pool, texts(count, 'scaled'));
    await using _ = await startWorker();
    await eventually(async () => expect(await ray.replicas()).toBeGreaterThan(1), WAIT);
    expect(await untilEnded(count)).toEqual({ completed: count, failed: 0, charged: 0 });
    await eventually(async () => expect(await ray.replicas()).toBe(1), WAIT);
  },
  600_000,
);
