import { messageOf } from '../../core/errors.ts';
import { type ItemOutcome, unavailable } from '../outcome.ts';
import { untilAborted } from '../until-aborted.ts';
import type { EngineCall, EngineThread } from './engine-thread.ts';
import type { EngineAnswer } from './thread-messages.ts';

/** A model that outlives its thread. */
export interface SupervisedEngine {
  /**
   * Calls take turns. When the thread ends during a call, that call rejects and the next one has a new thread; when no thread can be had,
   * every item of the call is `unavailable`. Rejects with the signal's reason when it aborts.
   */
  call(request: EngineCall, itemCount: number, signal: AbortSignal): Promise<EngineAnswer>;
  /** Waits for the calls in progress; idempotent, never rejects. */
  close(): Promise<void>;
}

/** Keeps a model answering: `first` is its thread, `start` makes another one when that has ended. */
export function superviseEngine(
  first: EngineThread,
  start: (signal: AbortSignal) => Promise<EngineThread>,
): SupervisedEngine {
  let thread = first;
  let tail: Promise<void> = Promise.resolve();
  let closing: Promise<void> | undefined;

  /** One at a time, in the order asked; one that is aborted while it waits leaves at once. */
  async function inTurn<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const before = tail;
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    tail = before.then(() => left);
    try {
      await untilAborted(before, signal);
      return await run();
    } finally {
      leave();
    }
  }

  return {
    async call(request, itemCount, signal) {
      if (closing !== undefined) throw new Error('The model is closed');
      return inTurn(signal, async () => {
        if (!thread.isAlive) {
          try {
            thread = await start(signal);
          } catch (error) {
            signal.throwIfAborted();
            const message = `The model's engine ended and could not be started again: ${messageOf(error)}`;
            return Array.from({ length: itemCount }, (): ItemOutcome<never> => unavailable(message, { cause: error }));
          }
        }
        return thread.call(request, signal);
      });
    },
    close() {
      closing ??= tail.then(() => thread.close());
      return closing;
    },
  };
}
