import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Service } from '../core/service.ts';
import type { Completer } from './completer.ts';
import type { InFlight } from './in-flight.ts';
import type { WorkerLease } from './worker-lease.ts';

/** How long a graceful stop lets requests run before it hands them back. */
const GRACE_MS = 20_000;
/** How long a stop waits for the ends of aborted requests to be recorded. */
const HAND_BACK_MS = 2_000;

export interface StopOptions {
  /** Hands requests in progress back at once instead of letting them finish. @default false */
  readonly isImmediate?: boolean;
}

export interface StopDeps {
  readonly lease: Pick<WorkerLease, 'announceStopping'>;
  /** Claims; stopped before anything else. */
  readonly dispatcher: Service;
  readonly completer: Pick<Completer, 'handBackRefused'>;
  readonly inFlight: InFlight;
  /** Everything else, in the order in which to stop it. */
  readonly services: readonly Service[];
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * The way out of a worker: nothing more is claimed, what runs may finish for up to 20 s, the rest is handed back, and everything is
 * closed. The function may be called again: with `isImmediate` it cuts the wait short. What is neither finished nor handed back in time
 * (the server is away, or somebody has locked the row) is rescued by other workers, as this one has signed off or its lease runs out.
 */
export function createStop(deps: StopDeps): (options?: StopOptions) => Promise<void> {
  const { lease, dispatcher, completer, inFlight, services, log, clock } = deps;
  const hurry = new AbortController();
  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    lease.announceStopping();
    // One that has failed keeps nobody from being stopped; who told of its death has told of this.
    await dispatcher.stop().catch(() => undefined);
    completer.handBackRefused();
    await settle(inFlight.empty(), GRACE_MS, clock, hurry.signal);
    if (inFlight.size > 0) {
      const manner = hurry.signal.aborted ? 'at once' : 'that take too long';
      log.info({ requests: inFlight.size }, `handing back requests ${manner}`);
      inFlight.abortAll('stopping');
      await settle(inFlight.empty(), HAND_BACK_MS, clock);
    }
    await stopAll(services);
  }

  return ({ isImmediate = false } = {}) => {
    if (isImmediate) hurry.abort();
    stopped ??= stop();
    return stopped;
  };
}

/** Stops one after the other; a service that fails to does not keep the others open. */
export async function stopAll(services: readonly Service[]): Promise<void> {
  const failures: unknown[] = [];
  for (const service of services) await service.stop().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, 'Parts of the worker could not be stopped');
}

/** Waits for `work`, until the time is up or `hurry` aborts. */
async function settle(work: Promise<void>, ms: number, clock: Clock, hurry?: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const end = () => timer.abort();
  if (hurry?.aborted === true) end();
  hurry?.addEventListener('abort', end, { once: true });
  void work.then(end);
  await clock.delay(ms, timer.signal);
  hurry?.removeEventListener('abort', end);
}
