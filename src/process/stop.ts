import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Service } from '../core/service.ts';
import type { Lease } from './lease.ts';
import type { ProcessKind } from './renew-lease.ts';
import type { Workload } from './workload.ts';

/** How long a graceful stop lets work in flight run before it hands it back, unless the workload says otherwise. */
const GRACE_MS = 20_000;
/** How long a stop waits for the completions of aborted work to be recorded. */
const HAND_BACK_MS = 2_000;

export interface StopOptions {
  /** Hands work in flight back at once instead of letting it finish. @default false */
  readonly isImmediate?: boolean;
}

export interface StopDeps {
  readonly kind: ProcessKind;
  readonly lease: Pick<Lease, 'announceStopping'>;
  /** These claim; stopped before anything else. */
  readonly workloads: readonly Pick<Workload, 'name' | 'inFlight' | 'graceMs' | 'stopClaiming' | 'idle' | 'abort'>[];
  /** Everything that is open, in the order in which to stop it. */
  readonly services: readonly Service[];
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * The way out of a process: nothing more is claimed, what runs may finish for up to 20 s, the rest is handed back, and everything is
 * closed. The function may be called again: with `isImmediate` it cuts the wait short. What is neither finished nor handed back in time
 * (the server is away, or somebody has locked the row) is rescued by other processes, as this one has signed off or its lease runs out.
 */
export function createStop(deps: StopDeps): (options?: StopOptions) => Promise<void> {
  const { kind, lease, workloads, services, log, clock } = deps;
  const hurry = new AbortController();
  let stopped: Promise<void> | undefined;

  async function drain(workload: StopDeps['workloads'][number]): Promise<void> {
    const { name, graceMs = GRACE_MS } = workload;
    await settle(workload.idle(), graceMs, clock, hurry.signal);
    if (workload.inFlight === 0) return;
    const manner = hurry.signal.aborted ? 'at once' : 'that take too long';
    log.info({ [name]: workload.inFlight }, `handing back ${name} ${manner}`);
    workload.abort('stopping');
    await settle(workload.idle(), HAND_BACK_MS, clock);
  }

  async function stop(): Promise<void> {
    // A workload that has failed keeps no other from being stopped; its death has been told already.
    await Promise.allSettled(workloads.map((workload) => workload.stopClaiming()));
    // Not before: a claim that was sent may take what is queued after the stop, and `stopping` says that nothing more is taken.
    lease.announceStopping();
    await Promise.all(workloads.map(drain));
    await stopAll(services, kind);
  }

  return ({ isImmediate = false } = {}) => {
    if (isImmediate) hurry.abort();
    stopped ??= stop();
    return stopped;
  };
}

/** Stops one after the other; a service that fails to does not keep the others open. `whole` is what they are parts of. @default 'process' */
export async function stopAll(services: readonly Service[], whole = 'process'): Promise<void> {
  const failures: unknown[] = [];
  for (const service of services) await service.stop().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, `Parts of the ${whole} could not be stopped`);
}

/** Waits for `work`, until the time is up or `hurry` aborts. */
async function settle(work: Promise<void>, ms: number, clock: Clock, hurry?: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const end = () => timer.abort();
  if (hurry?.aborted === true) end();
  hurry?.addEventListener('abort', end, { once: true });
  void work.then(end, end);
  await clock.delay(ms, timer.signal);
  hurry?.removeEventListener('abort', end);
}
