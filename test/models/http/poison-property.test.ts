import { expect, it, onTestFinished } from 'vitest';
import { createOpenAiProvider } from '../../../src/models/http/openai-provider.ts';
import type { Model } from '../../../src/models/port.ts';
import { createRandom, type Random } from '../../properties/random.ts';
import {
  createFragileServer,
  type FragileServer,
  OUTAGES,
  POISONS,
  poisonText,
  type ServerState,
} from './fragile-server.ts';
import { drain, type Kind, type QueuedItem, queueItems } from './item-queue.ts';
import { startStubServer } from './stub-server.ts';
import { createTestClock, never, type TestClock } from './support.ts';

const ROUNDS = 10;
const MINUTE_MS = 60_000;
/** After the last change: the longest pause of the breaker, the deaths of the server by each poison, and time limits. */
const SOON_MS = 90 * MINUTE_MS;
/** More for each text that hangs, one after the other: the time limit of 10 minutes in each of its four tries, and in the company of others. */
const HANG_MS = 60 * MINUTE_MS;
/** Requests that items need at most on average, those of outages aside: halves, repetitions and canaries included. */
const REQUESTS_PER_ITEM = 40;

interface Play {
  readonly kind: Kind;
  readonly items: QueuedItem[];
  readonly server: FragileServer;
  readonly clock: TestClock;
  /** What happened, for people. */
  readonly steps: string[];
}

/**
 * Items come and the server changes by lot; workers take turns and are restarted at times. What happens is drawn by `random`. How often
 * `chance` is asked hangs on the order in which requests arrive, which no seed decides.
 */
async function play(random: Random, chance: Random): Promise<Play> {
  const clock = createTestClock();
  const server = createFragileServer(clock, chance);
  const stub = await startStubServer((request, ...rest) =>
    request.method === 'GET' ? { status: 404, json: {} } : server.handle(request, ...rest),
  );
  onTestFinished(() => stub.stop());
  const env = { OPENAI_BASE_URL: stub.url, LAMPLIGHTER_OPENAI_SERVER: 'other' };
  const load = async () => {
    const model = await createOpenAiProvider({ env, clock }).load({ name: 'openai/m' }, never);
    onTestFinished(() => model.close());
    return model;
  };
  const workers = [await load(), await load()];
  const kind = random.pick<Kind>(['embed', 'embed', 'generate', 'choice', 'rerank']) ?? 'embed';
  const items: QueuedItem[] = [];
  const steps: string[] = [kind];
  const batch = 1 + random.int(32);
  const model = (): Model => chance.pick(workers) as Model; // there are two
  const queue = { kind, items, clock, model, batch, random: () => chance.int(1000) / 1000 };
  for (let step = 0; step < 6; step++) {
    const texts = Array.from({ length: random.int(12) }, (_, at) => {
      const poison = random.chance(0.25) ? random.pick(POISONS) : undefined;
      return poison === undefined ? `good ${step} ${at}` : poisonText(poison, `${step} ${at}`);
    });
    items.push(...queueItems(texts, clock.nowMs()));
    server.state = random.pick<ServerState>(['up', 'up', 'flaky', ...OUTAGES]) ?? 'up';
    if (random.chance(0.3)) workers[random.int(2)] = await load();
    const isDown = server.state !== 'up' && server.state !== 'flaky';
    const before = new Map(items.map((item) => [item, item.charged]));
    steps.push(`${Math.round(clock.nowMs())} ms: ${server.state}, ${texts.join(', ')}`);
    await drain({ ...queue, untilMs: clock.nowMs() + (1 + random.int(5)) * MINUTE_MS });
    if (isDown) {
      const charged = items.filter((item) => item.charged !== before.get(item));
      expect(charged, `charged while the server was down\n${steps.join('\n')}`).toEqual([]);
    }
  }
  server.state = 'up';
  steps.push(`${Math.round(clock.nowMs())} ms: up for good`);
  const hangs = items.filter(({ status, text }) => status === 'pending' && text.startsWith('poison:hang')).length;
  await drain({ ...queue, untilMs: clock.nowMs() + SOON_MS + hangs * HANG_MS });
  return { kind, items, server, clock, steps };
}

const seeds = Array.from({ length: ROUNDS }, (_, at) => at + 1);

it.each(seeds)(
  'whatever comes and whatever the server does, the good are answered and the bad fail: seed %i',
  async (seed) => {
    const { items, server, steps } = await play(createRandom(seed), createRandom(ROUNDS + seed));
    const what = steps.join('\n');
    for (const item of items) {
      if (item.text.startsWith('poison')) {
        expect(item, what).toMatchObject({ status: 'failed', charged: 4 });
        expect(item.error, what).not.toMatch(/left alone/);
      } else {
        expect(item, what).toMatchObject({ status: 'completed' });
      }
    }
    expect(server.asked.length, what).toBeLessThanOrEqual(200 + REQUESTS_PER_ITEM * items.length);
  },
);
