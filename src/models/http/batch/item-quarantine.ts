import { hash } from 'node:crypto';

/** Breakdowns of the server on one item alone, each after others were answered, that prove the item guilty. */
const PROOF = 3;
/** The same where no others were answered: nobody else may be asking. */
const LONE_PROOF = 6;
const MAX_REMEMBERED = 10_000;

/**
 * Distinguishes requests that break a server from broken servers.
 *
 * A single 500 is charged to no request, because an outage would use up all tries. But an item that gets a 500 each time, while others are
 * answered in between, would be tried for ever and hold up its neighbours. If it takes the server down, its neighbours have to be sent
 * without it.
 */
export interface ItemQuarantine {
  /** How many items a request with this one may have, itself included; `Infinity` where nothing is known against it. */
  limitOf(item: string): number;
  /** The server broke on a request of so many items, this one among them: the next has half of them at most. */
  note(item: string, items: number): void;
  /**
   * The server broke on this item alone and answers nothing since, having given `answers` answers before; true once it did so
   * three times, each time after it had answered others.
   */
  strike(item: string, answers: number): boolean;
  /**
   * The server was too busy for this item alone while it answered a small request, having answered so many others before; true from
   * the third time with answers in between, or the sixth.
   */
  putOff(item: string, realAnswers: number): boolean;
  /** How often an item was struck, each time after answers: it may be what takes the server down, or have been there when it went. */
  strikesOf(item: string): number;
  /** The item was answered. */
  clear(item: string): void;
}

interface Entry {
  limit: number;
  count: number;
  answers: number;
  putOffs: number;
  putOffsApart: number;
  realAnswers: number;
}

const NEVER_PUT_OFF = { putOffs: 0, putOffsApart: 0, realAnswers: -1 };

/** Remembers the last ten thousand items that a server broke on. */
export function createItemQuarantine(): ItemQuarantine {
  const seen = new Map<string, Entry>();
  const keyOf = (item: string) => hash('sha1', item);

  function entryOf(item: string): Entry {
    const key = keyOf(item);
    const entry = seen.get(key) ?? { limit: Number.POSITIVE_INFINITY, count: 0, answers: -1, ...NEVER_PUT_OFF };
    // The one seen last stands last.
    seen.delete(key);
    seen.set(key, entry);
    const oldest = seen.keys().next();
    if (seen.size > MAX_REMEMBERED && oldest.done !== true) seen.delete(oldest.value);
    return entry;
  }

  return {
    limitOf: (item) => (seen.size === 0 ? undefined : seen.get(keyOf(item))?.limit) ?? Number.POSITIVE_INFINITY,
    note(item, items) {
      const entry = entryOf(item);
      entry.limit = Math.min(entry.limit, Math.max(1, Math.ceil(items / 2)));
    },
    strike(item, answers) {
      const entry = entryOf(item);
      entry.limit = 1;
      if (entry.answers !== answers) entry.count += 1;
      entry.answers = answers;
      return entry.count >= PROOF;
    },
    putOff(item, realAnswers) {
      const entry = entryOf(item);
      entry.limit = 1;
      entry.putOffs += 1;
      if (entry.realAnswers !== realAnswers) entry.putOffsApart += 1;
      entry.realAnswers = realAnswers;
      return entry.putOffsApart >= PROOF || entry.putOffs >= LONE_PROOF;
    },
    strikesOf: (item) => (seen.size === 0 ? undefined : seen.get(keyOf(item))?.count) ?? 0,
    clear(item) {
      if (seen.size > 0) seen.delete(keyOf(item));
    },
  };
}
