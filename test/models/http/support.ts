import { onTestFinished } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import type { Env } from '../../../src/core/env.ts';
import { createCohereProvider } from '../../../src/models/http/cohere-provider.ts';
import { createOpenAiProvider } from '../../../src/models/http/openai-provider.ts';
import type { GenerateItem, GenerateOutput, Model } from '../../../src/models/port.ts';
import type { ModelSelection } from '../../../src/models/provider.ts';
import { type StubHandler, type StubServer, startStubServer } from './stub-server.ts';

/** Not the same as itself in JSON, in a URL, and in the two kinds of base64. */
export const KEY = 'sk-test-0123>>>456789abcdefghijklmnop+/"x';
export const { signal: never } = new AbortController();

export interface Setup {
  readonly server: StubServer;
  readonly model: Model;
}

/** A stub server and a model on it, both gone after the test; while it loads, `detect` answers, else 404, or 503 to what is no GET. */
export async function setUp(
  handler: StubHandler,
  options: {
    runtime?: 'openai' | 'cohere';
    env?: Env;
    selection?: Partial<ModelSelection>;
    clock?: Clock;
    detect?: StubHandler;
  } = {},
): Promise<Setup> {
  const { runtime = 'openai', env = {}, selection = {}, clock, detect = isNothingKnown } = options;
  const server = await startStubServer(detect);
  onTestFinished(() => server.stop());
  const base =
    runtime === 'openai'
      ? { OPENAI_BASE_URL: `${server.url}/v1`, OPENAI_API_KEY: KEY, LAMPLIGHTER_OPENAI_SERVER: 'other' }
      : { COHERE_BASE_URL: server.url, COHERE_API_KEY: KEY };
  const create = runtime === 'openai' ? createOpenAiProvider : createCohereProvider;
  const provider = create({ env: { ...base, ...env }, ...(clock && { clock }) });
  const model = await provider.load({ name: `${runtime}/m`, ...selection }, never);
  onTestFinished(() => model.close());
  server.requests.length = 0;
  server.handle(handler);
  return { server, model };
}

const isNothingKnown: StubHandler = ({ method }) => ({ status: method === 'GET' ? 404 : 503, json: {} });

export function generateItem(output: GenerateOutput, more: Partial<GenerateItem> = {}): GenerateItem {
  return { prompt: 'Say something', maxTokens: 50, seed: 42, output, ...more };
}

/** Everything that an error says, its causes' names, messages and stacks included. */
export function everythingIn(value: unknown, depth = 0): string {
  if (depth > 8) return '';
  if (value instanceof Error) {
    const own = Object.getOwnPropertyNames(value).map((key) => everythingIn(Reflect.get(value, key), depth + 1));
    return [value.name, String(value), ...own].join('\n');
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([key, child]) => `${key}: ${everythingIn(child, depth + 1)}`)
      .join('\n');
  }
  return String(value);
}

export interface TestClock extends Clock {
  /** Moves time on and ends the delays that are over. */
  advance(ms: number): void;
}

/** Time that stands still until it is moved on. */
export function createTestClock(): TestClock {
  let nowMs = 0;
  const waiting = new Set<{ readonly atMs: number; readonly end: () => void }>();
  return {
    nowMs: () => nowMs,
    delay: (ms, signal) =>
      new Promise((resolve) => {
        const waiter = { atMs: nowMs + ms, end: resolve };
        waiting.add(waiter);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
    advance(ms) {
      nowMs += ms;
      for (const waiter of waiting) if (waiter.atMs <= nowMs) waiter.end();
    },
  };
}
