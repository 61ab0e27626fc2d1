import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const SET_WAITING = loadQuery('set_waiting');

/** The channel on which enqueuers wake workers that asked for it; the payload is empty. */
export const WAKE_CHANNEL = 'lamplighter_wake';
/** The channel on which the cancel of a running request is announced; the payload is its request_id. */
export const CANCEL_CHANNEL = 'lamplighter_cancel';

/**
 * Asks the next enqueuers for a notification, or takes that back. Enqueuers that are about to commit may have missed the flag: look once
 * more after setting it.
 */
export async function setWaiting(db: Queryable, isWaiting: boolean): Promise<void> {
  await db.query(SET_WAITING, [isWaiting]);
}
