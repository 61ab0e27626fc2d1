import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorker } from '../../src/worker/create-worker.ts';
import { fixture as ggufPath, realModel } from '../models/llama/gguf-models.ts';
import { fixturePath } from '../models/onnx-fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { queueClient } from './models-worker.ts';

/** How much later than that of a thread which does nothing; a machine that does other things may need a second and a third try. */
const BOUND_MS = 20;
const TRIES = 3;
const RESOLUTION_MS = 1;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

/** The event loop of a thread without work, which is late only where the machine is. Its p99 in ms comes with any message. */
const IDLE_THREAD = `
  const { monitorEventLoopDelay } = require('node:perf_hooks');
  const { parentPort } = require('node:worker_threads');
  const delay = monitorEventLoopDelay({ resolution: ${RESOLUTION_MS} });
  delay.enable();
  parentPort.once('message', () => parentPort.postMessage(delay.percentile(99) / 1e6));
  parentPort.postMessage('ready');
`;

/** How much later the event loop is at p99 while `work` goes on than that of a thread without work. */
async function delayOf(work: () => Promise<unknown>): Promise<number> {
  const idle = new Worker(IDLE_THREAD, { eval: true });
  await once(idle, 'message');
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  await work();
  delay.disable();
  idle.postMessage('over');
  const [idleMs] = await once(idle, 'message');
  await idle.terminate();
  return delay.percentile(99) / 1e6 - Number(idleMs);
}

async function leastDelay(work: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let left = TRIES; left > 0 && least > BOUND_MS; left -= 1) least = Math.min(least, await delayOf(work));
  return least;
}

/** Real weights make a model take long enough to tell; with the fixtures this shows only that the rest holds nothing up. */
const orFixture = (real: string, tiny: string) => (existsSync(real) ? real : tiny);
const LONG = 'and the lighthouse keeper climbed all the steps at dusk '.repeat(40);

describe('the event loop of a worker', () => {
  it.each([
    ['an ONNX model', orFixture(realModel('all-MiniLM-L6-v2'), fixturePath('mean')), 12],
    ['a GGUF model', orFixture(realModel('all-MiniLM-L6-v2-f16.gguf'), ggufPath('tiny-embedder')), 4],
  ] as const)(
    'is at p99 at most 20 ms later than an idle one while %s embeds long texts',
    async (_, embedModel, count) => {
      const worker = await createWorker({ uri: db.uri, functions: ['embed'], pollIntervalMs: 100, embedModel });
      try {
        const { enqueue, results } = queueClient(db);
        const texts = Array.from({ length: count }, (_unused, at) => `${at} ${LONG}`);
        const work = async () => results(await enqueue('steadytext_embed_batch_async($1, false)', [texts]), 60_000);
        await work();
        expect(await leastDelay(work)).toBeLessThan(BOUND_MS);
      } finally {
        await worker.stop();
      }
    },
    120_000,
  );

  it('is at p99 at most 20 ms later than an idle one while a generator answers, with and without a grammar', async () => {
    const generateModel = orFixture(realModel('stories260K.gguf'), ggufPath('tiny-generator'));
    const worker = await createWorker({ uri: db.uri, functions: ['generate', 'generate_regex'], generateModel });
    try {
      const { enqueue, results } = queueClient(db);
      const work = async () => {
        const plain = await enqueue("steadytext_generate_batch_async(array['Once', 'A lamp', 'The sea'], 200, false)");
        const regex = await enqueue("steadytext_generate_regex_async('Once', '[a-z ,.]{200,300}', 512, false)");
        await results([...plain, ...regex], 60_000);
      };
      await work();
      expect(await leastDelay(work)).toBeLessThan(BOUND_MS);
    } finally {
      await worker.stop();
    }
  }, 120_000);
});
