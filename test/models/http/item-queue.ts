import { backoffMs } from '../../../src/core/backoff.ts';
import type { ItemOutcome } from '../../../src/models/outcome.ts';
import type { Model } from '../../../src/models/port.ts';
import { generateItem, never, type TestClock } from './support.ts';

export type Kind = 'embed' | 'generate' | 'choice' | 'rerank';

/** A request as a worker's queue holds it. */
export interface QueuedItem {
  readonly text: string;
  status: 'pending' | 'completed' | 'failed';
  /** Charged tries. */
  charged: number;
  /** Tries in all. */
  tries: number;
  runAtMs: number;
  endedAtMs: number;
  error: string | undefined;
}

const MAX_RETRIES = 3;

export function queueItems(texts: readonly string[], runAtMs = 0): QueuedItem[] {
  return texts.map((text) => ({
    text,
    status: 'pending',
    charged: 0,
    tries: 0,
    runAtMs,
    endedAtMs: Number.NaN,
    error: undefined,
  }));
}

export interface Drain {
  readonly kind: Kind;
  readonly items: readonly QueuedItem[];
  readonly clock: TestClock;
  /** The model of the worker whose turn it is. */
  readonly model: () => Model;
  readonly batch: number;
  /** When to stop, by the clock. */
  readonly untilMs: number;
  readonly random?: () => number;
}

/** Claims, runs and ends items as a worker does, until none is left or the time is up; time passes only between batches. */
export async function drain({ kind, items, clock, model, batch, untilMs, random }: Drain): Promise<void> {
  for (;;) {
    const pending = items.filter(({ status }) => status === 'pending');
    const ready = pending.filter(({ runAtMs }) => runAtMs <= clock.nowMs()).slice(0, batch);
    if (ready.length === 0) {
      const nextMs = Math.min(untilMs, ...pending.map(({ runAtMs }) => runAtMs));
      if (pending.length === 0 || nextMs <= clock.nowMs()) return;
      clock.advance(nextMs - clock.nowMs());
      continue;
    }
    if (clock.nowMs() >= untilMs) return;
    const outcomes = await ask(
      kind,
      model(),
      ready.map(({ text }) => text),
    );
    for (const [at, item] of ready.entries()) end(item, outcomes[at], clock.nowMs(), random);
  }
}

function end(item: QueuedItem, outcome: ItemOutcome<unknown> | undefined, nowMs: number, random?: () => number): void {
  if (outcome === undefined) throw new Error(`No outcome for ${item.text}`);
  item.tries += 1;
  item.endedAtMs = nowMs;
  if (outcome.ok) {
    item.status = 'completed';
    return;
  }
  const { kind, message, retryAfterMs } = outcome.error;
  item.error = message;
  if (kind === 'unavailable') {
    item.runAtMs = nowMs + (retryAfterMs ?? backoffMs(item.charged + 2, random));
    return;
  }
  item.charged += 1;
  if (kind === 'invalid' || item.charged > MAX_RETRIES) item.status = 'failed';
  else item.runAtMs = nowMs + backoffMs(item.charged, random);
}

/** A text as one item of a call: itself, a prompt, or one of two documents. */
async function ask(kind: Kind, model: Model, texts: readonly string[]): Promise<readonly ItemOutcome<unknown>[]> {
  switch (kind) {
    case 'embed':
      return model.embed(texts, never);
    case 'rerank': {
      const items = texts.map((text) => ({ query: 'q', documents: ['good', text], task: 'find', seed: 1 }));
      return model.rerank(items, never);
    }
    case 'generate':
      return model.generate(
        texts.map((prompt) => generateItem({ kind: 'plain' }, { prompt })),
        never,
      );
    case 'choice':
      return model.generate(
        texts.map((prompt) => generateItem({ kind: 'choice', choices: ['yes', 'no'] }, { prompt })),
        never,
      );
  }
}
