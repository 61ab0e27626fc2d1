import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import type { SessionRoom } from '../db/connection-budget.ts';
import type { NotificationRoute } from '../db/notification-router.ts';
import type { Pool } from '../db/pool.ts';
import type { Meter } from '../monitoring/meter.ts';
import type { Rescue } from './death-watch.ts';
import type { Duty } from './duties.ts';
import type { ModelTrouble, RenewedLease } from './renew-lease.ts';

/** Why work was broken off: the lease under which it was claimed is lost, or the process stops. */
export type AbortReason = 'lost' | 'stopping';

/** The lease of the process, as its workloads see it. One row of `lamplighter.worker` holds whatever any of them has claimed. */
export interface LeaseHolder {
  /**
   * The id under which to claim now; a lost lease brings a new one, so remember it with what was claimed under it.
   *
   * @throws before {@link Workload.start}, as the lease is not granted yet.
   */
  readonly workerId: string;
  /** Checks at once whether the lease still holds, e.g. after the server has said that it does not. */
  check(): void;
  /**
   * Goes on under a new id, after a claim whose answer was lost: the server may have given the old id work that this process knows
   * nothing of. The old lease is kept until what is known to be in flight under it has ended; what is left then is rescued.
   */
  retire(): void;
}

/** What a process gives to each of its workloads. */
export interface WorkloadContext {
  /** The pool that all workloads share; short statements only. */
  readonly db: Pool;
  /** The settings for sessions of one's own: take room in `sessions` first, or open them inside `withShortSession`. */
  readonly settings: ConnectionSettings;
  readonly sessions: SessionRoom;
  /** Runs `work`, which opens one session and closes it soon, while no other such session of the process is open. */
  withShortSession<T>(work: () => Promise<T>): Promise<T>;
  readonly lease: LeaseHolder;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly log: Logger;
  /** Define here whatever may fail again and again. */
  readonly troubles: Troubles;
  /** Takes note of what the workload does, once it has opened its system there. */
  readonly meter: Meter;
  readonly clock: Clock;
  /** Gives up opening. */
  readonly signal: AbortSignal;
}

/**
 * Opens a workload: loads what it needs and fails if it cannot work. Claims nothing before `start`. What it has opened is closed by
 * itself when it fails, and by `stop` afterwards, even if `start` is never called.
 */
export type WorkloadFactory = (context: WorkloadContext) => Promise<Workload>;

/** What a workload adds to the row of the process in `lamplighter.worker`; numbers are summed up. */
export interface Figures {
  /** Pieces of work at once. @default 0 */
  readonly concurrency?: number;
  /** Attempts ended since the start, failed ones included. @default 0 */
  readonly processed?: number;
  readonly failed?: number;
  readonly troubles?: readonly ModelTrouble[];
}

/** Claims that are written down in `lamplighter.claim`: those of which nothing is in flight any more are forgotten with a heartbeat. */
export interface ClaimLedger {
  listSettledClaims(workerId: string): number[];
  /** Forgets such numbers; all of that id without any. */
  forgetClaims(workerId: string, claimNumbers?: readonly number[]): void;
}

/**
 * One kind of work of a process: requests, tasks, embeddings. A process opens its workloads, is granted a lease, starts them all, and tells
 * them of notifications and of the lease; see `startWorkloads`. Workloads know nothing of each other.
 *
 * Notifications come through the one LISTEN session of the process. They are hints that any role can send: they are a reason to scan, and
 * never the only one.
 */
export interface Workload extends NotificationRoute {
  /** A plural for people, as in "handing back requests". */
  readonly name: string;
  /** What it serves, as `lamplighter.worker.lanes` has it. @default nothing */
  readonly lanes?: readonly string[];
  /** What it does for the whole installation, each by one process at a time. @default none */
  readonly duties?: readonly Duty[];
  /** Takes back what dead processes had in flight. @default none */
  readonly rescues?: readonly Rescue[];
  readonly claims?: ClaimLedger;
  /** Pieces of work claimed and not yet recorded as ended. */
  readonly inFlight: number;
  /** True while work is in flight that was claimed under that id. */
  hasInFlight(workerId: string): boolean;
  figures(): Figures;
  /** What is wrong with its claiming; undefined when nothing is. @default nothing ever */
  claimProblem?(): string | undefined;
  /** Begins to claim: the lease is granted. */
  start(): void;
  /** Told of each heartbeat that was answered. */
  onRenewed?(renewed: RenewedLease): void;
  /** Claims nothing more, for good; what runs goes on. Resolves when no claim is under way. */
  stopClaiming(): Promise<void>;
  /** Resolves when nothing is in flight; at once if nothing is. */
  idle(): Promise<void>;
  /**
   * Breaks off what is in flight, or what was claimed under `workerId`. `lost`: it belongs to others now, so record nothing. `stopping`:
   * hand it back, without charge.
   */
  abort(reason: AbortReason, workerId?: string): void;
  /** How long a stop lets what is in flight run before it is broken off. @default 20000 */
  readonly graceMs?: number;
  /** Closes everything; what is still in flight is left to the rescue. */
  stop(): Promise<void>;
}
