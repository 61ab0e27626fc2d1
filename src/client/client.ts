import type { CallerDb } from './caller-db.ts';
import type { CheckedRequest } from './check-requests.ts';
import type { Enqueuer } from './enqueuer.ts';
import type { QueueStats } from './queue-stats.ts';
import type { RequestId } from './request-id.ts';
import type { Tasks } from './tasks/create-tasks.ts';
import type { WorkerStatus } from './worker-status.ts';

export interface WaitOptions {
  /** Longest wait; then REQUEST_TIMEOUT, and the request continues. 0 checks once. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with ABORTED; the request continues. */
  readonly signal?: AbortSignal | undefined;
}

export interface OnOptions {
  /** Run the statement on this connection, inside its open transaction if there is one. @default a connection of the client */
  readonly db?: CallerDb | undefined;
}

/**
 * The producer's side: queues requests, waits for their results, checks and cancels them. It connects at its first use. For waits it opens
 * one more connection, which listens for all of them and is closed after 30 s without waits.
 *
 * Every method rejects with a {@link LamplighterError} if the error has a code (PERMISSION_DENIED, SCHEMA_MISSING, ABORTED after `close`,
 * those of connecting), else with the server's error. A role sees only its own requests.
 */
export interface Client extends Enqueuer, AsyncDisposable {
  /** SQL in the background. */
  readonly tasks: Tasks;
  /**
   * Resolves with the result: the text (generate, regex, choice), a `Float32Array` (embed), ranked documents, best first (rerank), the
   * parsed JSON (json). Any number of waits share one connection and one query at a time.
   *
   * The request must be visible: its transaction must have committed. The client looks for an unknown id for 5 s, or `timeoutMs` if that is
   * shorter, because the transaction may commit soon.
   *
   * @throws LamplighterError REQUEST_FAILED, REQUEST_CANCELLED, REQUEST_TIMEOUT (the hint says why, if a reason is known),
   * REQUEST_NOT_FOUND for an id that stays unknown or was deleted, ABORTED.
   */
  wait<Result = unknown>(requestId: RequestId<Result>, options?: WaitOptions): Promise<Result>;
  /**
   * Shows a request as it is now; undefined when the role sees none with that id.
   *
   * @throws LamplighterError REQUEST_NOT_FOUND for an id that is no UUID, REQUEST_FAILED for a result that somebody has spoilt.
   */
  check<Result = unknown>(
    requestId: RequestId<Result>,
    options?: OnOptions,
  ): Promise<CheckedRequest<Result> | undefined>;
  /** Checks many at once, in one statement; answers in the order asked. */
  checkBatch<Result = unknown>(
    requestIds: readonly RequestId<Result>[],
    options?: OnOptions,
  ): Promise<(CheckedRequest<Result> | undefined)[]>;
  /**
   * Cancels a pending or processing request, whose answer is then dropped; false if it had ended, or the role sees none with that id.
   *
   * @throws LamplighterError REQUEST_NOT_FOUND for an id that is no UUID.
   */
  cancel(requestId: RequestId, options?: OnOptions): Promise<boolean>;
  /**
   * Makes a failed request pending again, with all its retries; false when it had not failed, or the role sees none with that id.
   *
   * @throws LamplighterError REQUEST_NOT_FOUND for an id that is no UUID.
   */
  retry(requestId: RequestId, options?: OnOptions): Promise<boolean>;
  /** Counts requests by function and status, exactly: the statement reads every request that the role sees. */
  stats(): Promise<QueueStats[]>;
  /** Lists workers, with those that ended within about a day. */
  workers(): Promise<WorkerStatus[]>;
  /** Rejects all waits with ABORTED, lets running statements finish and closes every connection; safe to call repeatedly. */
  close(): Promise<void>;
}
