/**
 * Runs a worker that answers with `builtin/lexical` and `echo/model` until SIGTERM. The first argument is the URI. Prints
 * `ready WORKER_ID`; logs go to standard error.
 */
import process from 'node:process';
import { createLogger } from '../../src/core/log.ts';
import { createWorker } from '../../src/worker/create-worker.ts';
import { createEchoProvider } from './echo-provider.ts';

const worker = await createWorker({
  uri: process.argv[2] ?? '',
  generateModel: 'echo/model',
  maxRetries: 0,
  pollIntervalMs: 100,
  providers: [createEchoProvider()],
  log: createLogger(),
});
process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
process.stdout.write(`ready ${worker.workerId}\n`);
