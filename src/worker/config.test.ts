import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '../core/errors.ts';
import { type WorkerOptions, workerConfig } from './config.ts';

const DEFAULTS = {
  concurrency: 4,
  pollIntervalMs: 1_000,
  maxRetries: 3,
  timeoutMs: 300_000,
  taskConcurrency: 4,
  drainMs: 30_000,
  maxConnections: 8,
  lenient: false,
  offline: false,
  leaseMs: 30_000,
  heartbeatMs: 5_000,
};

function messageFrom(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(hasCode(error, 'CONFIG_INVALID')).toBe(true);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('expected an error');
}

test('nothing given: the documented defaults, each said to be one', () => {
  const { config, origins } = workerConfig.resolve();
  expect(config).toEqual(DEFAULTS);
  expect(new Set(Object.values(origins))).toEqual(new Set(['default']));
  expect(Object.isFrozen(config)).toBe(true);
});

test('every option can be given by flag, by variable and in code', () => {
  const samples: Required<WorkerOptions> & Record<string, unknown> = {
    concurrency: 5,
    pollIntervalMs: 2_000,
    maxRetries: 1,
    timeoutMs: 60_000,
    taskConcurrency: 2,
    drainMs: 5_000,
    taskRetentionMs: 86_400_000,
    maxConnections: 9,
    functions: ['embed', 'rerank'],
    embedModel: 'a',
    generateModel: 'b',
    rerankModel: 'c',
    retentionMs: 604_800_000,
    lenient: true,
    offline: true,
    leaseMs: 60_000,
    heartbeatMs: 6_000,
  };
  const text = (option: string) => {
    const value = samples[option];
    return option.endsWith('Ms') ? `${value}ms` : Array.isArray(value) ? value.join(',') : String(value);
  };
  const entries = Object.entries(workerConfig.options);
  const camel = (flag: string) => flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const flags = Object.fromEntries(entries.map(([option, { flag }]) => [camel(flag), text(option)]));
  const env = Object.fromEntries(
    entries.map(([option, { flag }]) => [`LAMPLIGHTER_${flag.toUpperCase().replaceAll('-', '_')}`, text(option)]),
  );
  expect(workerConfig.resolve({ flags }).config).toEqual(samples);
  expect(workerConfig.resolve({ env }).config).toEqual(samples);
  expect(workerConfig.parse(samples)).toEqual(samples);
});

test('flag, then environment, then database setting, then default', () => {
  const sources = {
    flags: { concurrency: '1' },
    env: { LAMPLIGHTER_CONCURRENCY: '2', STEADYTEXT_WORKER_CONCURRENCY: '3' },
    database: { worker_concurrency: { value: '5', origin: 'lamplighter.set' } },
  };
  const read = (part: object) => {
    const { config, origins } = workerConfig.resolve(part);
    return [config.concurrency, origins.concurrency];
  };
  expect(read(sources)).toEqual([1, '--concurrency']);
  expect(read({ ...sources, flags: {} })).toEqual([2, 'LAMPLIGHTER_CONCURRENCY']);
  expect(read({ ...sources, flags: {}, env: { STEADYTEXT_WORKER_CONCURRENCY: '3' } })).toEqual([
    3,
    'STEADYTEXT_WORKER_CONCURRENCY',
  ]);
  expect(read({ database: sources.database })).toEqual([5, 'lamplighter.set']);
  expect(read({})).toEqual([4, 'default']);
});

test("the original worker's variables count seconds", () => {
  const env = {
    STEADYTEXT_WORKER_POLL_INTERVAL: '0.5',
    STEADYTEXT_WORKER_TIMEOUT: '60',
    STEADYTEXT_WORKER_MAX_RETRIES: '7',
  };
  expect(workerConfig.resolve({ env }).config).toMatchObject({ pollIntervalMs: 500, timeoutMs: 60_000, maxRetries: 7 });
});

test.each([
  [{ flags: { concurrency: 'ten' } }, '--concurrency: expected a whole number from 1 to 1000, got "ten"'],
  [
    { env: { STEADYTEXT_WORKER_TIMEOUT: 'soon' } },
    'STEADYTEXT_WORKER_TIMEOUT: expected a duration such as 500ms, 30s, 5m, 2h or 7d, got "soon"',
  ],
  [{ flags: { functions: 'embd' } }, 'did you mean "embed"?'],
  [{ flags: { functions: '' } }, '--functions: expected a comma-separated list'],
  [{ env: { LAMPLIGHTER_OFFLINE: 'maybe' } }, 'LAMPLIGHTER_OFFLINE: expected true or false, got "maybe"'],
  [{ flags: { lease: '8s' } }, 'expected at most half of the lease'],
  [
    { database: { worker_concurrency: { value: '0', origin: 'server setting steadytext.worker_concurrency' } } },
    'server setting steadytext.worker_concurrency: expected a whole number',
  ],
])('%j is refused', (sources, message) => {
  expect(messageFrom(() => workerConfig.resolve(sources))).toContain(message);
});

test('in code, an unknown option is refused with a suggestion and a value out of bounds by name', () => {
  // @ts-expect-error the type refuses the misspelt option too
  expect(messageFrom(() => workerConfig.parse({ concurency: 5 }))).toBe(
    'Unknown worker option "concurency" (did you mean "concurrency"?)',
  );
  expect(messageFrom(() => workerConfig.parse({ concurrency: 0 }))).toBe(
    'concurrency: expected number to be >=1, got 0',
  );
  expect(messageFrom(() => workerConfig.parse({ functions: ['embed', 'embedd' as 'embed'] }))).toMatch(
    /^functions\[1\]: expected one of "generate".*, got "embedd"$/,
  );
});

test('an empty variable is unset, and a repeated function counts once', () => {
  expect(workerConfig.resolve({ env: { LAMPLIGHTER_CONCURRENCY: '' } }).config.concurrency).toBe(4);
  expect(workerConfig.resolve({ flags: { functions: 'embed, embed' } }).config.functions).toEqual(['embed']);
});

test('an option of any type is taken or refused with a code', () => {
  const option = fc.constantFrom(...Object.keys(workerConfig.options), 'concurrencyy', '__proto__');
  const value = fc.oneof(
    fc.anything({ withBigInt: true, withNullPrototype: true }),
    fc.constantFrom(Symbol('s'), () => 1),
  );
  fc.assert(
    fc.property(option, value, (name, given) => {
      try {
        workerConfig.parse(Object.fromEntries([[name, given]]));
      } catch (error) {
        if (!hasCode(error, 'CONFIG_INVALID')) throw error;
      }
    }),
    { numRuns: 1_000 },
  );
});
