import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const FINISH_REQUESTS = loadQuery('finish_requests');

/**
 * How an attempt ended. `retry` is charged to the request and fails it when no retries are left; `defer` and `release` are not: the first
 * comes back after a delay, the second at once.
 */
export type Outcome =
  | { readonly kind: 'completed'; readonly result: string; readonly cacheKey?: Buffer | undefined }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'retry' | 'defer'; readonly error: string; readonly delayMs: number }
  | { readonly kind: 'release' };

export interface Finish {
  readonly id: string;
  readonly attempt: number;
  readonly outcome: Outcome;
}

export interface FinishOptions {
  readonly workerId: string;
  readonly maxRetries: number;
  /** How long to wait for rows that somebody has locked. @default they are skipped */
  readonly lockTimeoutMs?: number;
}

/**
 * Records the end of attempts, each only where the worker still holds the request. Returns the new status by id; what is missing was
 * locked by somebody else or is no longer the worker's.
 */
export async function finishRequests(
  db: Queryable,
  finishes: readonly Finish[],
  { workerId, maxRetries, lockTimeoutMs }: FinishOptions,
): Promise<Map<string, 'pending' | 'completed' | 'failed'>> {
  // Ascending ids are the lock order.
  const sorted = [...finishes].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  const outcomes = sorted.map(({ outcome }) => outcome);
  const { rows } = await db.query<{ id: string; status: 'pending' | 'completed' | 'failed' }>(FINISH_REQUESTS, [
    workerId,
    sorted.map(({ id }) => id),
    sorted.map(({ attempt }) => attempt),
    outcomes.map(({ kind }) => kind),
    outcomes.map((outcome) => (outcome.kind === 'completed' ? outcome.result : null)),
    outcomes.map((outcome) => ('error' in outcome ? outcome.error : null)),
    outcomes.map((outcome) => ('delayMs' in outcome ? outcome.delayMs : null)),
    outcomes.map((outcome) => (outcome.kind === 'completed' ? (outcome.cacheKey ?? null) : null)),
    maxRetries,
    lockTimeoutMs ?? null,
  ]);
  return new Map(rows.map(({ id, status }) => [id, status]));
}
