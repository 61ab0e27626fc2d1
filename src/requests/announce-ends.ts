import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const ANNOUNCE_ENDS = loadQuery('announce_ends');

/** The end of a request, as an event tells of it. */
export interface EndEvent {
  readonly requestId: string;
  readonly functionName: RequestFunction;
  readonly status: 'completed' | 'failed';
}

export interface AnnounceOptions {
  readonly workerId: string;
  /** Events that were given up since the last time, to be counted as dropped. */
  readonly givenUp: number;
}

/** Sends the events of ends that were recorded without. While the server's notification queue is half full they are dropped and counted. */
export async function announceEnds(
  db: Queryable,
  events: readonly EndEvent[],
  { workerId, givenUp }: AnnounceOptions,
): Promise<void> {
  await db.query(ANNOUNCE_ENDS, [
    workerId,
    events.map(({ requestId }) => requestId),
    events.map(({ functionName }) => functionName),
    events.map(({ status }) => status),
    givenUp,
  ]);
}
