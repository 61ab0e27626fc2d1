import { hash } from 'node:crypto';

/** Breakdowns of the server on one item, each after others were answered, that prove the item guilty. */
const PROOF = 3;
const MAX_SUSPECTS = 1_000;

/**
 * Tells requests that break a server from servers that are broken.
 *
 * A 500 is held against nobody, or an outage would use up everybody's tries. But an item that gets one each time while
 * others are answered in between would be tried for ever, and stand in the way of its neighbours.
 */
export interface Suspects {
  /** The server answered something. */
  recordAnswer(): void;
  /** The server broke on this item alone; true when it did so three times, each time after it had answered others. */
  isGuilty(item: string): boolean;
}

/** Knows the last thousand items that a server broke on. */
export function createSuspects(): Suspects {
  let answers = 0;
  const seen = new Map<string, { count: number; answers: number }>();
  return {
    recordAnswer() {
      answers += 1;
    },
    isGuilty(item) {
      const key = hash('sha1', item);
      const suspect = seen.get(key);
      if (suspect === undefined) {
        seen.set(key, { count: 1, answers });
        const oldest = seen.keys().next();
        if (seen.size > MAX_SUSPECTS && oldest.done !== true) seen.delete(oldest.value);
        return false;
      }
      if (suspect.answers !== answers) {
        suspect.count += 1;
        suspect.answers = answers;
      }
      return suspect.count >= PROOF;
    },
  };
}
