import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const REQUEST_WAKE_UP = loadQuery('request_wake_up');
const CONFIRM_WAKE_UP = loadQuery('confirm_wake_up');

/** The channel on which enqueuers wake workers that asked for it; the payload is the epoch of the request. */
export const WAKE_CHANNEL = 'lamplighter_wake';
/** The channel on which the cancel of a running request is announced; the payload is its request_id. */
export const CANCEL_CHANNEL = 'lamplighter_cancel';

/** Asks for a wake-up. Enqueuers that are about to commit may have missed it: look once more, and poll as well. */
export async function requestWakeUp(db: Queryable): Promise<void> {
  await db.query(REQUEST_WAKE_UP);
}

/** Takes the request back, so that enqueuers stop notifying; without effect when a worker has asked again since `epoch`. */
export async function confirmWakeUp(db: Queryable, epoch: string): Promise<void> {
  // Any role can send on the channel: what is no epoch of ours confirms nothing.
  if (/^\d{1,18}$/.test(epoch)) await db.query(CONFIRM_WAKE_UP, [epoch]);
}
