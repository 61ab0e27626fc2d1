import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const REQUEST_WAKE_UP = loadQuery('request_wake_up');
const CONFIRM_WAKE_UP = loadQuery('confirm_wake_up');

/** The channel on which producers wake processes that asked for it; {@link parseWakeUp} reads the payload. */
export const WAKE_CHANNEL = 'lamplighter_wake';

/** Kinds of work, each with a flag of its own. */
export const WAKE_TOPICS = ['requests', 'tasks', 'embeddings'] as const;
export type WakeTopic = (typeof WAKE_TOPICS)[number];

export interface WakeUp {
  readonly topic: WakeTopic;
  /** The epoch of the request, for {@link confirmWakeUp}; undefined when the upkeep asks for one scan, which nobody confirms. */
  readonly epoch: string | undefined;
}

/** Reads a payload of {@link WAKE_CHANNEL}; undefined for one that is none of ours, as any role can send on the channel. */
export function parseWakeUp(payload: string): WakeUp | undefined {
  const [, name, word] = /^([a-z]{1,63}):(\d{1,18}|scan)$/.exec(payload) ?? [];
  const topic = WAKE_TOPICS.find((known) => known === name);
  if (topic === undefined) return undefined;
  return { topic, epoch: word === 'scan' ? undefined : word };
}

/** Asks for a wake-up. Producers that are about to commit may have missed it: scan once more, and poll as well. */
export async function requestWakeUp(db: Queryable, topic: WakeTopic): Promise<void> {
  await db.query(REQUEST_WAKE_UP, [topic]);
}

/** Takes the request back, so that producers stop notifying; without effect when somebody has asked again since `epoch`. */
export async function confirmWakeUp(db: Queryable, topic: WakeTopic, epoch: string): Promise<void> {
  await db.query(CONFIRM_WAKE_UP, [topic, epoch]);
}
