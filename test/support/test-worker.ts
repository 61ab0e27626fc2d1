import process from 'node:process';
import { createLogger, type LogLevel } from '../../src/core/log.ts';
import type { ModelProvider } from '../../src/models/provider.ts';
import { type CreateWorkerOptions, createWorker } from '../../src/worker/create-worker.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { type LogLine, parseLogLine } from './log-line.ts';
import { type SpawnedProcess, spawnProcess } from './process.ts';
import { createTestProvider, type TestProvider, type TestProviderOptions } from './test-runtime.ts';

export interface TestWorkerOptions extends Omit<CreateWorkerOptions, 'providers' | 'log'> {
  readonly uri: string;
  readonly provider?: TestProviderOptions;
}

export interface LocalWorkerOptions extends TestWorkerOptions {
  /** Asked before the test runtime. */
  readonly providers?: readonly ModelProvider[];
}

export interface TestWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly calls: TestProvider['calls'];
  /** What it logged as a warning or worse, but for requests that failed for good, and what Node warned of meanwhile. */
  warnings(): readonly LogLine[];
  /** All that it logged. */
  lines(): readonly LogLine[];
}

/** What tests want unless they say otherwise: the test runtime for every function, and no long pauses. */
const TEST_DEFAULTS = {
  embedModel: 'test/model',
  generateModel: 'test/model',
  rerankModel: 'test/model',
  pollIntervalMs: 100,
} as const;

/** Of the workers that a test has. */
const listeners = new Set<(warning: Error) => void>();
// One for all of them: test files share a process, and Node warns whoever listens of an eleventh listener.
process.on('warning', (warning) => {
  for (const listener of listeners) listener(warning);
});

/** A worker in this process that asks the test runtime; stops with the block. */
export async function startTestWorker(localOptions: LocalWorkerOptions): Promise<TestWorker> {
  const { provider, providers = [], ...options } = localOptions;
  const runtime = createTestProvider(provider);
  const lines: LogLine[] = [];
  const log = createLogger({ destination: { write: (line) => void lines.push(parseLogLine(line)) } });
  // Such as too many listeners on one signal.
  const onWarning = ({ name, message }: Error) => void lines.push({ msg: `${name}: ${message}`, level: 40 });
  listeners.add(onWarning);
  const worker = await createWorker({ ...TEST_DEFAULTS, ...options, providers: [...providers, runtime], log });
  return {
    worker,
    calls: runtime.calls,
    warnings: () => lines.filter(({ level, msg }) => level >= 40 && !msg.includes('failed for good')),
    lines: () => lines,
    async [Symbol.asyncDispose]() {
      await worker.stop({ isImmediate: true });
      listeners.delete(onWarning);
    },
  };
}

export interface WorkerProcess extends SpawnedProcess {
  readonly workerId: string;
}

export interface SpawnedWorkerOptions extends TestWorkerOptions {
  /** @default 'info' */
  readonly logLevel?: LogLevel;
}

/** The same in a process of its own, which the test may kill. */
export async function spawnWorker(options: SpawnedWorkerOptions): Promise<WorkerProcess> {
  const child = spawnProcess('test/support/worker-process.ts', [JSON.stringify({ ...TEST_DEFAULTS, ...options })]);
  const line = await child.waitForLine(/^ready /, { timeoutMs: 30_000 });
  return { ...child, workerId: line.slice('ready '.length) };
}
