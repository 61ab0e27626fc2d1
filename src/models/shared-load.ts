import { untilAborted } from './until-aborted.ts';

/** One load that any number of callers wait for. */
export interface SharedLoad<T> {
  /** The loaded value; rejects with the signal's reason when `signal` aborts, which leaves the others waiting. */
  join(signal: AbortSignal): Promise<T>;
  /** Aborts a load that has not ended, and rejects everyone who waits for it. */
  abort(reason: Error): void;
  /** Resolves with the value, or with undefined when the load failed; never rejects. */
  readonly ended: Promise<T | undefined>;
  /** True once the load was aborted; it is not to be joined any more. */
  readonly isAborted: boolean;
}

/** Starts `load` at once, and aborts it when the last of those who joined has gone before its end. */
export function shareLoad<T>(load: (signal: AbortSignal) => Promise<T>): SharedLoad<T> {
  const controller = new AbortController();
  let waiting = 0;
  let hasEnded = false;
  const loaded = load(controller.signal).finally(() => {
    hasEnded = true;
  });
  const abort = (reason: Error) => {
    if (!hasEnded) controller.abort(reason);
  };
  return {
    ended: loaded.catch(() => undefined),
    abort,
    get isAborted() {
      return controller.signal.aborted;
    },
    async join(signal) {
      waiting++;
      try {
        return await untilAborted(loaded, AbortSignal.any([signal, controller.signal]));
      } finally {
        if (--waiting === 0) abort(new Error('Nobody waits for this load any more'));
      }
    },
  };
}
