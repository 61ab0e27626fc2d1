import { setTimeout as delay } from 'node:timers/promises';
import { REQUEST_FUNCTIONS, type RequestFunction } from '../../src/core/request-functions.ts';
import type { KnownModelDescription, ModelProvider } from '../../src/models/provider.ts';
import { createTestModel, type TestCalls } from './test-model.ts';

export interface TestProviderOptions {
  /** @default 8 */
  readonly dimensions?: number;
  /** @default 16 */
  readonly maxBatch?: number;
  /** The same of generation. @default maxBatch */
  readonly generateBatch?: number;
  /** @default Infinity */
  readonly maxConcurrency?: number;
  /** @default true */
  readonly isCacheable?: boolean;
  /** @default all */
  readonly functions?: readonly RequestFunction[];
}

export interface TestProvider extends ModelProvider {
  readonly calls: Readonly<TestCalls>;
}

/**
 * The runtime `test`, whose models do what their texts say (see `test-steps.ts`).
 *
 * It serves every name that begins with `test/`; these behave in ways of their own: `test/load-fails`,
 * `test/load-fails-times:2`, `test/slow-load:200`, `test/hanging-load`, `test/not-loadable`; and these have options of
 * their own: `test/one` (one item per call), `test/uncacheable`.
 */
export function createTestProvider(options: TestProviderOptions = {}): TestProvider {
  const { dimensions = 8, maxBatch = 16, maxConcurrency = Number.POSITIVE_INFINITY, isCacheable = true } = options;
  const { functions = REQUEST_FUNCTIONS, generateBatch = maxBatch } = options;
  const calls: TestCalls = { calls: 0, items: 0, running: 0, mostRunning: 0, loads: 0, closes: 0, texts: [] };

  function describe(name: string): KnownModelDescription {
    const card = { name, runtime: 'test', type: 'textual', functions, dimensions, isDownloaded: true } as const;
    if (name !== 'test/not-loadable') return { state: 'loadable', name, card };
    return { state: 'not_loadable', name, card, reason: 'the test runtime was told so', hint: 'Take another one.' };
  }

  return {
    runtime: 'test',
    calls,
    list: async () => [describe('test/model')],
    describe: async ({ name }) => (name.startsWith('test/') ? describe(name) : undefined),
    async load({ name }, signal) {
      calls.loads++;
      const [, behaviour, argument] = /^test\/([a-z-]+)(?::(\d+))?$/.exec(name) ?? [];
      if (behaviour === 'hanging-load') await delay(2 ** 31 - 1, undefined, { signal });
      if (behaviour === 'slow-load') await delay(Number(argument), undefined, { signal });
      if (behaviour === 'load-fails' || (behaviour === 'load-fails-times' && calls.loads <= Number(argument))) {
        throw new Error('the test runtime was told to fail');
      }
      return createTestModel({
        name,
        dimensions,
        maxBatch: behaviour === 'one' ? 1 : maxBatch,
        generateBatch: behaviour === 'one' ? 1 : generateBatch,
        maxConcurrency,
        isCacheable: isCacheable && behaviour !== 'uncacheable',
        functions,
        calls,
      });
    },
  };
}
