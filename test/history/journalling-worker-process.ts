/**
 * Runs a worker with the test runtime, whose answers are journalled, until it is killed or told to stop by SIGTERM. The first argument is
 * JSON: the options of `createWorker`, with `provider` for those of the test runtime, and the `actor` and `file` of the journal. Prints
 * `ready WORKER_ID`; logs go to standard error.
 */
import process from 'node:process';
import { createLogger, type LogLevel } from '../../src/core/log.ts';
import { type CreateWorkerOptions, createWorker } from '../../src/worker/create-worker.ts';
import { createTestProvider, type TestProviderOptions } from '../support/test-runtime.ts';
import { journalAnswers } from './handlers.ts';

const {
  provider,
  actor,
  file,
  logLevel = 'info',
  ...options
} = JSON.parse(process.argv[2] ?? '{}') as CreateWorkerOptions & {
  readonly provider?: TestProviderOptions;
  readonly logLevel?: LogLevel;
  readonly actor: string;
  readonly file: string;
};
const providers = [journalAnswers(createTestProvider(provider), actor, file)];
const worker = await createWorker({ ...options, providers, log: createLogger({ level: logLevel }) });
process.on('SIGTERM', () => {
  void worker.stop().then(() => process.exit(0));
});
process.stdout.write(`ready ${worker.workerId}\n`);
