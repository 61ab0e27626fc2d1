import { formatDuration } from '../core/duration.ts';
import type { LamplighterError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Vitals } from '../process/vitals.ts';
import { describeWork, type WorkDone } from '../process/work-done.ts';
import type { Invocation } from './cli-command.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { aborted, codeOfInterruption } from './interruption.ts';

/** What a command runs until it is told to stop: a worker, a daemon. */
export interface RunningService {
  /** Resolves, if ever, with why it does not go on. */
  readonly died: Promise<LamplighterError>;
  /** The log with the service's id on each line. @default the log of the command */
  readonly log?: Logger;
  /** What it has done so far, for its last line. */
  workDone(): readonly WorkDone[];
  /** Lets what runs finish, for a while; with `isImmediate`, also in a second call, hands it back at once. */
  stop(options?: { readonly isImmediate?: boolean }): Promise<void>;
}

/** One that probes can ask. */
export interface WatchedService extends RunningService {
  vitals(): readonly Vitals[];
}

/**
 * Runs a service until a signal: the first one lets it finish its work, the second hands the work back at once. `ended` resolves when
 * something that the service needs has ended by itself.
 *
 * @throws the error of `died` or `ended`, after the service has been stopped.
 */
export async function runService(
  invocation: Pick<Invocation, 'interruption' | 'log'>,
  service: RunningService,
  ended: Promise<LamplighterError> = new Promise(() => undefined),
): Promise<ExitCode> {
  const { interruption, log } = invocation;
  const startedMs = performance.now();
  const failure = await Promise.race([aborted(interruption.first), service.died, ended]);
  if (failure === undefined) return stopService(invocation, service, startedMs);
  await service
    .stop({ isImmediate: true })
    .catch((error: unknown) => log.debug({ err: error }, 'not all could be stopped'));
  throw failure;
}

async function stopService(
  { interruption, log: commandLog }: Pick<Invocation, 'interruption' | 'log'>,
  service: RunningService,
  startedMs: number,
): Promise<ExitCode> {
  const log = service.log ?? commandLog;
  const hasWork = service.workDone().length > 0;
  log.info(hasWork ? 'stopping; a second signal hands back unfinished work at once' : 'stopping');
  const sayStopped = () => {
    const work = service.workDone();
    log.info({ work, ranMs: Math.round(performance.now() - startedMs) }, lastLine(work, performance.now() - startedMs));
  };
  const stopped = service.stop();
  await Promise.race([stopped, aborted(interruption.second)]);
  const isHurried = interruption.second.aborted;
  if (isHurried) await service.stop({ isImmediate: true });
  await stopped;
  sayStopped();
  return isHurried ? codeOfInterruption(interruption) : EXIT.done;
}

function lastLine(work: readonly WorkDone[], ranMs: number): string {
  const time = ranMs < 60_000 ? `${(ranMs / 1_000).toFixed(1)} s` : formatDuration(Math.round(ranMs / 1_000) * 1_000);
  return `stopped after ${time}${work.length === 0 ? '' : `: ${describeWork(work)}`}`;
}
