/**
 * Runs a worker with the test runtime until it is told to stop. The first argument is JSON: the options of `createWorker`, with `provider`
 * for those of the test runtime, and `logLevel`. Prints `ready WORKER_ID`; SIGTERM stops the worker, a second one at once, each
 * answered by `stopping N`. Logs go to standard error.
 */
import process from 'node:process';
import { createLogger, type LogLevel } from '../../src/core/log.ts';
import { type CreateWorkerOptions, createWorker } from '../../src/worker/create-worker.ts';
import { createTestProvider, type TestProviderOptions } from './test-runtime.ts';

const {
  provider,
  logLevel = 'info',
  ...options
} = JSON.parse(process.argv[2] ?? '{}') as CreateWorkerOptions & {
  readonly provider?: TestProviderOptions;
  readonly logLevel?: LogLevel;
};
const worker = await createWorker({
  ...options,
  providers: [createTestProvider(provider)],
  log: createLogger({ level: logLevel }),
});

let signals = 0;
process.on('SIGTERM', () => {
  signals += 1;
  process.stdout.write(`stopping ${signals}\n`);
  void worker.stop({ isImmediate: signals > 1 }).then(() => process.exit(0));
});
process.stdout.write(`ready ${worker.workerId}\n`);
