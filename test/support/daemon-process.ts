/**
 * Runs an embedding daemon with the test runtime until it is told to stop. The first argument is JSON: the options of `createDaemon`, with
 * `provider` for those of the test runtime. Prints `ready`; SIGTERM stops it. Logs go to standard error.
 */
import process from 'node:process';
import { createLogger } from '../../src/core/log.ts';
import { type CreateDaemonOptions, createDaemon } from '../../src/daemon/create-daemon.ts';
import { createTestProvider, type TestProviderOptions } from './test-runtime.ts';

const { provider, ...options } = JSON.parse(process.argv[2] ?? '{}') as CreateDaemonOptions & {
  readonly provider?: TestProviderOptions;
};
const daemon = await createDaemon({ ...options, providers: [createTestProvider(provider)], log: createLogger() });
process.on('SIGTERM', () => void daemon.stop().then(() => process.exit(0)));
process.stdout.write('ready\n');
