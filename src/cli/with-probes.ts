import { startProbeServer } from '../process/probe-server.ts';
import type { Vitals } from '../process/vitals.ts';
import type { Invocation } from './cli-command.ts';
import { type CliOption, readOption } from './cli-option.ts';
import { readListenAddress, urlOf } from './dashboard/listen-address.ts';

/** Every command that runs work until it is stopped has this option. */
export const HTTP_OPTION: CliOption = {
  flag: 'http',
  argument: 'address',
  describes: 'answer probes and scrapes there: /livez, /readyz and /metrics, such as 127.0.0.1:9464',
  defaultText: 'off',
};

/** Says whose vitals the probes tell of. */
export type WatchVitals = (vitals: () => readonly Vitals[]) => void;

/**
 * Runs `work` while probes are answered, from before it opens anything until it has stopped; without `--http` only the work.
 *
 * @throws LamplighterError PORT_TAKEN before anything else, and what `work` throws.
 */
export async function withProbes<T>(invocation: Invocation, work: (watch: WatchVitals) => Promise<T>): Promise<T> {
  const address = readOption(invocation, HTTP_OPTION, readListenAddress);
  if (address === undefined) return work(() => undefined);
  const { log } = invocation;
  const server = await startProbeServer({ host: address.host, port: address.port, log });
  log.info(`answering probes and scrapes on ${urlOf({ host: address.host, port: server.port })}`);
  try {
    return await work((vitals) => server.watch(vitals));
  } finally {
    await server.stop();
  }
}
