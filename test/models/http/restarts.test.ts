import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/models/port.ts';
import { chatAnswer, type StubHandler, type StubRequest } from './stub-server.ts';
import { createTestClock, generateItem, never, setUp } from './support.ts';

const isCanary = ({ body }: StubRequest) => body.messages[0]?.content === 'Say yes.';

/** Texts asked for at once, each in a call of its own; `told` says at how many the model is, whenever that changes. */
function generate(model: Model, prompts: readonly string[], limitMs?: number) {
  const told: number[] = [];
  const outcomes = prompts.map((prompt) =>
    model.generate([generateItem({ kind: 'plain' }, { prompt })], never, {
      limitMs,
      working: (positions) => told.push(positions.length),
      ended: () => undefined,
    }),
  );
  return { told, outcomes: Promise.all(outcomes).then((all) => all.flat()) };
}

/** A server that holds all requests but canaries, to cut or answer them together. */
function createHolder() {
  const arrivals = new EventEmitter();
  const held: (() => void)[] = [];
  let isCutting = false;
  const handle: StubHandler = (request, response, socket) => {
    if (isCutting) {
      socket.destroy();
      return undefined;
    }
    if (isCanary(request)) return chatAnswer('yes');
    return new Promise((resolve) => {
      held.push(() => {
        if (isCutting) {
          socket.destroy();
          response.destroy();
          resolve(undefined);
        } else resolve(chatAnswer('yes'));
      });
      arrivals.emit('arrival');
    });
  };
  return {
    handle,
    get size() {
      return held.length;
    },
    async until(count: number) {
      while (held.length < count) await once(arrivals, 'arrival', { signal: AbortSignal.timeout(5_000) });
    },
    cut() {
      isCutting = true;
      for (const end of held.splice(0)) end();
    },
    answer() {
      for (const end of held.splice(0)) end();
    },
    restart() {
      isCutting = false;
    },
  };
}

const PROMPTS = ['a', 'b', 'c', 'd'];

describe('texts that were cut off as their server was started again', () => {
  it('are asked for together again', async () => {
    const holder = createHolder();
    const clock = createTestClock();
    const { model } = await setUp(holder.handle, { clock });
    const { outcomes } = generate(model, PROMPTS);
    await holder.until(PROMPTS.length);
    holder.cut();
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ error: { kind: 'unavailable' } });
    holder.restart();
    clock.advance(60_000);
    const again = generate(model, PROMPTS);
    await holder.until(PROMPTS.length);
    holder.answer();
    for (const outcome of await again.outcomes) expect(outcome).toMatchObject({ ok: true });
  });

  it('twice are asked for one by one, and those that wait are not at work', async () => {
    const holder = createHolder();
    const clock = createTestClock();
    const { model } = await setUp(holder.handle, { clock });
    for (let restart = 0; restart < 2; restart++) {
      const { outcomes } = generate(model, PROMPTS);
      await holder.until(PROMPTS.length);
      holder.cut();
      await outcomes;
      holder.restart();
      clock.advance(60_000);
      // Others are answered in between.
      const { outcomes: others } = generate(model, ['e']);
      await holder.until(1);
      holder.answer();
      await others;
    }
    const again = generate(model, PROMPTS);
    await holder.until(1);
    // All have waited, and one waits no more.
    expect(again.told.reduce((sum, size) => sum + (size === 0 ? -1 : 1), PROMPTS.length)).toBe(1);
    expect(holder.size).toBe(1);
    for (let left = PROMPTS.length; left > 0; left--) {
      await holder.until(1);
      expect(holder.size).toBe(1);
      holder.answer();
    }
    for (const outcome of await again.outcomes) expect(outcome).toMatchObject({ ok: true });
  });
});

describe('a server that takes requests and answers none', () => {
  it('is found silent before the caller gives its requests up, and they are charged nothing', async () => {
    const arrivals = new EventEmitter();
    const clock = createTestClock();
    const { model } = await setUp(
      () => {
        arrivals.emit('arrival');
        return new Promise(() => undefined);
      },
      { clock },
    );
    const first = once(arrivals, 'arrival');
    const { told, outcomes } = generate(model, ['a'], 300_000);
    await first;
    const canary = once(arrivals, 'arrival', { signal: AbortSignal.timeout(5_000) });
    clock.advance(299_000);
    await canary;
    // The time of the canary is not held against the text.
    expect(told).toEqual([0]);
    clock.advance(20_000);
    expect(await outcomes).toMatchObject([
      { error: { kind: 'unavailable', message: expect.stringContaining('gave no answer within 295 s') } },
    ]);
  });

  it('has as long as the caller, however long that is', async () => {
    const holder = createHolder();
    const clock = createTestClock();
    const { model } = await setUp(holder.handle, { clock });
    const { outcomes } = generate(model, ['a'], 3_600_000);
    await holder.until(1);
    clock.advance(3_500_000);
    holder.answer();
    expect(await outcomes).toMatchObject([{ ok: true }]);
  });
});
