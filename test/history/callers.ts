import { randomBytes } from 'node:crypto';
import { isLamplighterError } from '../../src/core/errors.ts';
import { classifySqlState, sqlStateOf } from '../../src/db/sqlstate.ts';

/**
 * The journal of the callers: what they asked for and what they were told, kept in the test's own memory. A call whose connection died is
 * `unknown`: it may have happened or not.
 */

export type Told = 'accepted' | 'refused' | 'unknown';

export interface EnqueueCall {
  /** As the caller sent it; unique in a history. */
  readonly text: string;
  readonly told: Told;
  /** Given when it was accepted. */
  readonly requestId: string | undefined;
}

/** `edit` is a user's own UPDATE of `retry_count`. */
export type CallerAct = 'cancel' | 'retry' | 'delete' | 'edit';

export interface ActCall {
  readonly act: CallerAct;
  readonly requestId: string;
  /** What the call answered; undefined when the connection died. */
  readonly answer: boolean | undefined;
}

export interface SeenEnd {
  readonly requestId: string;
  readonly status: string;
  /** The result as text; undefined when the caller did not see it. */
  readonly result: string | undefined;
}

export interface CallerJournal {
  readonly enqueues: readonly EnqueueCall[];
  readonly acts: readonly ActCall[];
  readonly seen: readonly SeenEnd[];
  /** True once somebody has pruned. */
  readonly hasPruned: boolean;
  /** Requests that may be passed over, as somebody has locked them. */
  readonly locked: ReadonlySet<string>;
  /** `text` with a word at its end that no other text of this process has. */
  unique(text: string): string;
  /** Notes a call that queues `texts` (each one unique) and the ids that it answers, in the same order; rethrows its errors. */
  enqueue(texts: readonly string[], call: (texts: readonly string[]) => Promise<readonly string[]>): Promise<string[]>;
  /** Notes a call that cancels, retries, deletes or edits a request; rethrows its errors. */
  act(act: CallerAct, requestId: string, call: () => Promise<boolean>): Promise<boolean>;
  /** From now on ended requests may vanish. */
  notePrune(): void;
  /** Notes that a caller was shown the request as ended. */
  see(requestId: string, status: string, result?: string): void;
  noteLocked(requestIds: readonly string[]): void;
}

let texts = 0;
const run = randomBytes(3).toString('hex');

export function createCallerJournal(): CallerJournal {
  const enqueues: EnqueueCall[] = [];
  const acts: ActCall[] = [];
  const seen: SeenEnd[] = [];
  const locked = new Set<string>();
  let hasPruned = false;
  return {
    enqueues,
    acts,
    seen,
    locked,
    get hasPruned() {
      return hasPruned;
    },
    unique(text) {
      texts += 1;
      return `${text} u${run}-${texts}`;
    },
    async enqueue(sent, call) {
      try {
        const ids = await call(sent);
        if (ids.length !== sent.length) throw new Error(`expected ${sent.length} request ids, got ${ids.length}`);
        for (const [n, text] of sent.entries()) enqueues.push({ text, told: 'accepted', requestId: ids[n] });
        return [...ids];
      } catch (error) {
        const told = isRefusal(error) ? 'refused' : 'unknown';
        for (const text of sent) enqueues.push({ text, told, requestId: undefined });
        throw error;
      }
    },
    async act(act, requestId, call) {
      try {
        const answer = await call();
        acts.push({ act, requestId, answer });
        return answer;
      } catch (error) {
        acts.push({ act, requestId, answer: isRefusal(error) ? false : undefined });
        throw error;
      }
    },
    notePrune() {
      hasPruned = true;
    },
    see(requestId, status, result) {
      seen.push({ requestId, status, result });
    },
    noteLocked(ids) {
      for (const id of ids) locked.add(id);
    },
  };
}

/** Errors of ours that mean that nothing was queued. */
const REFUSALS: readonly string[] = ['QUEUE_FULL', 'REQUEST_INVALID', 'PERMISSION_DENIED', 'SCHEMA_MISSING'];

/** True for an error with which the server itself refused the statement: nothing of it was committed. */
function isRefusal(error: unknown): boolean {
  if (isLamplighterError(error)) return REFUSALS.includes(error.code);
  return sqlStateOf(error) !== undefined && classifySqlState(error) !== 'environment';
}
