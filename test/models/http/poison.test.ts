import { describe, expect, it, onTestFinished } from 'vitest';
import { createOpenAiProvider } from '../../../src/models/http/openai-provider.ts';
import type { Model } from '../../../src/models/port.ts';
import { createRandom } from '../../properties/random.ts';
import {
  createFragileServer,
  type FragileServer,
  OUTAGES,
  POISONS,
  type Poison,
  poisonText,
} from './fragile-server.ts';
import { drain, type Kind, type QueuedItem, queueItems } from './item-queue.ts';
import { startStubServer } from './stub-server.ts';
import { createTestClock, never, type TestClock } from './support.ts';

const KINDS: readonly Kind[] = ['embed', 'generate', 'choice', 'rerank'];
const MINUTE_MS = 60_000;

interface Scene {
  readonly clock: TestClock;
  readonly server: FragileServer;
  /** A model as a worker that has just started has it. */
  load(): Promise<Model>;
}

async function setScene(seed = 1): Promise<Scene> {
  const clock = createTestClock();
  const server = createFragileServer(clock, createRandom(seed));
  const stub = await startStubServer((request, ...rest) =>
    request.method === 'GET' ? { status: 404, json: {} } : server.handle(request, ...rest),
  );
  onTestFinished(() => stub.stop());
  const env = { OPENAI_BASE_URL: stub.url, LAMPLIGHTER_OPENAI_SERVER: 'other' };
  return {
    clock,
    server,
    async load() {
      const model = await createOpenAiProvider({ env, clock }).load({ name: 'openai/m' }, never);
      onTestFinished(() => model.close());
      return model;
    },
  };
}

function expectEnds(items: readonly QueuedItem[], poison: Poison, { asked }: FragileServer): void {
  for (const item of items) {
    const { text } = item;
    if (!text.startsWith('poison')) {
      expect(item).toMatchObject({ status: 'completed' });
      continue;
    }
    expect(item).toMatchObject({ status: 'failed', charged: 4, error: expect.stringContaining(WORDS[poison]) });
    // For each of four tries: a whole batch of 16, its halves down to one, and that once more; a connection is tried twice.
    expect(asked.filter((texts) => texts.includes(text)).length).toBeLessThanOrEqual(4 * 6 * 2);
  }
}

/** What the row of the bad one says in the end. */
const WORDS: Readonly<Record<Poison, string>> = {
  '500': 'answered 500: boom 500, for this request each time',
  '502': 'answered 502: boom 502, for this request each time',
  '503': 'answered 503: boom 503, for this request each time',
  '403': '(403): boom 403, for this request each time',
  cut: 'cut the connection',
  garbled: 'cut short or garbled, for this request each time',
  mute: 'g',
  hang: 'gave no answer within',
  kill: 'cut the connection',
};

/** How long good ones wait at most where it is longer: for the time limit of a batch, or for the server and the breaker. */
const LATEST_MS: Readonly<Partial<Record<Poison, number>>> = { hang: 12 * MINUTE_MS, kill: 70_000 };

const cases = KINDS.flatMap((kind) => POISONS.map((poison) => [kind, poison] as const));

describe.each(cases)('%s: a text that a server answers with %s', (kind, poison) => {
  it('ends failed within its budget though nothing else is asked, and keeps nobody waiting', async () => {
    const { clock, server, load } = await setScene();
    const model = await load();
    const [bad, good] = [queueItems([poisonText(poison, 'x')]), queueItems(['a', 'b', 'c'], MINUTE_MS)];
    const queue = { kind, clock, model: () => model, batch: 16, untilMs: 60 * MINUTE_MS };
    await drain({ ...queue, items: bad, untilMs: MINUTE_MS });
    const fromMs = Math.max(MINUTE_MS, clock.nowMs());
    await drain({ ...queue, items: [...bad, ...good] });
    expectEnds([...bad, ...good], poison, server);
    for (const { endedAtMs } of good) expect(endedAtMs - fromMs).toBeLessThanOrEqual(LATEST_MS[poison] ?? 1_000);
  });
});

describe.each(POISONS)('several texts first in every batch that a server answers with %s', (poison) => {
  it.each<Kind>(['embed', 'choice'])(
    'end failed, and the good ones well, with two workers that are restarted: %s',
    async (kind) => {
      const { clock, server, load } = await setScene();
      let workers = [await load(), await load()];
      let turns = 0;
      const model = () => {
        turns += 1;
        const worker = workers[turns % 2];
        if (worker === undefined) throw new Error('There are two');
        return worker;
      };
      const texts = [1, 2, 3].map((at) => poisonText(poison, `${at}`));
      const items = queueItems([...texts, ...Array.from({ length: 13 }, (_, at) => `good ${at}`)]);
      const queue = { kind, items, clock, model, batch: 16 };
      await drain({ ...queue, untilMs: 20_000 });
      workers = [await load(), await load()];
      await drain({ ...queue, untilMs: 120 * MINUTE_MS });
      expectEnds(items, poison, server);
    },
  );
});

describe.each((['embed', 'generate'] as const).flatMap((kind) => OUTAGES.map((outage) => [kind, outage] as const)))(
  '%s: while a server is down (%s)',
  (kind, outage) => {
    it('nobody is charged, it is asked ever more rarely, and all are answered soon after', async () => {
      const { clock, server, load } = await setScene();
      const model = await load();
      server.state = outage;
      const items = queueItems(['a', 'b', 'c', 'd']);
      const queue = { kind, items, clock, model: () => model, batch: 16 };
      await drain({ ...queue, untilMs: 30 * MINUTE_MS });
      const askedBefore = server.asked.length;
      const fromMs = clock.nowMs();
      await drain({ ...queue, untilMs: fromMs + 30 * MINUTE_MS });
      for (const item of items) expect(item).toMatchObject({ status: 'pending', charged: 0 });
      // Twice a minute at most; a connection is tried twice.
      expect(server.asked.length - askedBefore).toBeLessThanOrEqual(121);
      expect(new Set(items.map(({ error }) => error?.includes('left alone')))).toEqual(new Set([true]));
      server.state = 'up';
      const upMs = clock.nowMs();
      await drain({ ...queue, untilMs: upMs + 30 * MINUTE_MS });
      for (const item of items) expect(item).toMatchObject({ status: 'completed', charged: 0 });
      expect(clock.nowMs() - upMs).toBeLessThanOrEqual(70_000);
    });
  },
);
