import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { compareIds } from './claimed-request.ts';

const FINISH_REQUESTS = loadQuery('finish_requests');
const ANNOUNCE_COMPLETIONS = loadQuery('announce_completions');

/**
 * How an attempt ended. `retry` is charged to the request and fails it when no retries are left; `defer` and `release` are not: the first
 * comes back after a delay, the second at once.
 */
export type Outcome =
  | { readonly kind: 'completed'; readonly result: string; readonly cacheKey?: Buffer | undefined }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'retry' | 'defer'; readonly error: string; readonly delayMs: number }
  | { readonly kind: 'release' };

interface Finish {
  readonly id: string;
  readonly attempt: number;
  readonly outcome: Outcome;
}

export interface FinishOptions {
  readonly workerId: string;
  readonly maxRetries: number;
}

export interface Finished {
  /** The new status by id; what is missing was locked by somebody else or is no longer the worker's. */
  readonly statuses: ReadonlyMap<string, 'pending' | 'completed' | 'failed'>;
  /** False where `announceCompletions` has yet to send the events of these completions. */
  readonly isAnnounced: boolean;
}

/** Records the end of attempts, each only where the request is still in flight with the worker. */
export async function finishRequests(
  db: Queryable,
  finishes: readonly Finish[],
  { workerId, maxRetries }: FinishOptions,
): Promise<Finished> {
  // Ascending ids are the lock order.
  const sorted = [...finishes].sort((a, b) => compareIds(a.id, b.id));
  const outcomes = sorted.map(({ outcome }) => outcome);
  const { rows } = await db.query<FinishedRow>(FINISH_REQUESTS, [
    workerId,
    sorted.map(({ id }) => id),
    sorted.map(({ attempt }) => attempt),
    outcomes.map(({ kind }) => kind),
    outcomes.map((outcome) => (outcome.kind === 'completed' ? outcome.result : null)),
    unlessAllNull(outcomes.map((outcome) => ('error' in outcome ? outcome.error : null))),
    unlessAllNull(outcomes.map((outcome) => ('delayMs' in outcome ? outcome.delayMs : null))),
    unlessAllNull(outcomes.map((outcome) => (outcome.kind === 'completed' ? (outcome.cacheKey ?? null) : null))),
    maxRetries,
  ]);
  return {
    statuses: new Map(rows.map(({ id, status }) => [id, status])),
    isAnnounced: rows.every(({ is_announced }) => is_announced),
  };
}

interface FinishedRow {
  id: string;
  status: 'pending' | 'completed' | 'failed';
  is_announced: boolean;
}

/** Null for an array of nulls, as most batches are all success and nothing cached: the server need not read it. */
function unlessAllNull<T>(values: readonly (T | null)[]): readonly (T | null)[] | null {
  return values.every((value) => value === null) ? null : values;
}

/** The completion of a request, failed ones included, as an event tells of it. */
export interface CompletionEvent {
  readonly requestId: string;
  readonly functionName: RequestFunction;
  readonly status: 'completed' | 'failed';
}

interface AnnounceOptions {
  readonly workerId: string;
  /** Events that were given up since the last time, to be counted as dropped. */
  readonly givenUp: number;
}

/** Sends the events that a finish did not send. While the server's notification queue is half full they are dropped and counted. */
export async function announceCompletions(
  db: Queryable,
  events: readonly CompletionEvent[],
  { workerId, givenUp }: AnnounceOptions,
): Promise<void> {
  await db.query(ANNOUNCE_COMPLETIONS, [
    workerId,
    events.map(({ requestId }) => requestId),
    events.map(({ functionName }) => functionName),
    events.map(({ status }) => status),
    givenUp,
  ]);
}
