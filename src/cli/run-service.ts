import type { LamplighterError } from '../core/errors.ts';
import type { Invocation } from './cli-command.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { aborted, codeOfInterruption } from './interruption.ts';

/** What a command runs until it is told to stop: a worker, a daemon. */
export interface RunningService {
  /** Resolves, if ever, with why it does not go on. */
  readonly died: Promise<LamplighterError>;
  /** Lets what runs finish, for a while; with `isImmediate`, also in a second call, hands it back at once. */
  stop(options?: { readonly isImmediate?: boolean }): Promise<void>;
}

/**
 * Runs a service until a signal: the first one lets it finish what it does, the second hands that back at once. `ended` resolves where
 * something that it needs has ended by itself.
 *
 * @throws what `died` or `ended` tell of, after the service has been stopped.
 */
export async function runService(
  invocation: Pick<Invocation, 'interruption' | 'log'>,
  service: RunningService,
  ended: Promise<LamplighterError> = new Promise(() => undefined),
): Promise<ExitCode> {
  const { interruption, log } = invocation;
  const failure = await Promise.race([aborted(interruption.first), service.died, ended]);
  if (failure === undefined) return stopService(invocation, service);
  await service
    .stop({ isImmediate: true })
    .catch((error: unknown) => log.debug({ err: error }, 'not all could be stopped'));
  throw failure;
}

async function stopService(
  { interruption, log }: Pick<Invocation, 'interruption' | 'log'>,
  service: RunningService,
): Promise<ExitCode> {
  log.info('stopping; another signal hands back at once what still runs');
  const stopped = service.stop();
  await Promise.race([stopped, aborted(interruption.second)]);
  if (!interruption.second.aborted) return EXIT.done;
  await service.stop({ isImmediate: true });
  await stopped;
  return codeOfInterruption(interruption);
}
