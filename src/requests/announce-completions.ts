import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const ANNOUNCE_COMPLETIONS = loadQuery('announce_completions');

/** The completion of a request, failed ones included, as an event tells of it. */
export interface CompletionEvent {
  readonly requestId: string;
  readonly functionName: RequestFunction;
  readonly status: 'completed' | 'failed';
}

export interface AnnounceOptions {
  readonly workerId: string;
  /** Events that were given up since the last time, to be counted as dropped. */
  readonly givenUp: number;
}

/** Sends the events of completions that were recorded without. While the server's notification queue is half full they are dropped and counted. */
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
