import type { Clock } from '../core/clock.ts';
import { untilAborted } from '../models/until-aborted.ts';

/** How long something that may have killed a process is first kept apart; with each further death twice as long, as some kill late. */
const ALONE = { leastMs: 5_000, mostMs: 300_000 };
/** How long the others may first take to end; after each time that they took longer, twice as long. */
const DRAIN = { leastMs: 5_000, mostMs: 300_000 };
/** Longest that one waits for those before it, and for the pause behind them. */
const PATIENCE_MS = 30_000;
/** A turn is followed by a pause so many times as long as it held up the others. */
const PAUSE_SHARE = 4;

/**
 * Keeps what may end the process apart from all else that the daemon asks of models, and holds that up for a short time only, whatever hangs:
 * the others have four fifths of the time. Both methods reject with the signal's reason when that aborts before they begin.
 */
export interface LoneTurn {
  /** Runs beside other companions, and not beside what is alone. */
  among<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>;
  /**
   * Runs while nothing else does, for `aloneMs`; what takes longer goes on beside the others. Resolves with undefined when it got no turn, as
   * companions did not end in time: try again later.
   */
  alone<T>(signal: AbortSignal, options: AloneOptions, run: () => Promise<T>): Promise<T | undefined>;
}

export interface AloneOptions {
  readonly aloneMs: number;
  /** Called when the time is up, and the others wait for it; `over` aborts once `run` has settled. Never rejects. */
  readonly onCompany: (over: AbortSignal) => Promise<void>;
}

/** How long to keep apart what so many processes have died with. */
export function aloneMsAfter(deaths: number): number {
  return Math.min(ALONE.mostMs, ALONE.leastMs * 2 ** (deaths - 1));
}

export function createLoneTurn(clock: Clock): LoneTurn {
  let companions = 0;
  /** While something is alone, or about to be; resolves when the others may go on. */
  let closed: Promise<void> | undefined;
  let onLast: () => void = () => undefined;
  let last: Promise<void> = Promise.resolve();
  let pauseEndMs = Number.NEGATIVE_INFINITY;
  let drainMs = DRAIN.leastMs;

  function leaveCompany(): void {
    companions -= 1;
    if (companions === 0) onLast();
  }

  /** False when companions are there still. */
  async function drain(signal: AbortSignal): Promise<boolean> {
    const isEmpty =
      companions === 0 || (await within(drainMs, signal, new Promise<void>((resolve) => (onLast = resolve))));
    drainMs = isEmpty ? DRAIN.leastMs : Math.min(DRAIN.mostMs, drainMs * 2);
    return isEmpty;
  }

  /** True when `event` came in time. */
  async function within(ms: number, signal: AbortSignal, event: Promise<void>): Promise<boolean> {
    const over = new AbortController();
    try {
      const isLate = clock.delay(ms, over.signal).then(() => false);
      return await untilAborted(Promise.race([event.then(() => true), isLate]), signal);
    } finally {
      over.abort();
    }
  }

  async function keepApart<T>(
    signal: AbortSignal,
    { aloneMs, onCompany }: AloneOptions,
    run: () => Promise<T>,
    open: () => void,
  ): Promise<T | undefined> {
    if (!(await drain(signal))) return undefined;
    const over = new AbortController();
    const result = run().finally(() => over.abort());
    const end = result.then(
      () => undefined,
      () => undefined,
    );
    if (await within(aloneMs, never, end)) return result;
    await Promise.race([end, onCompany(over.signal)]);
    companions += 1;
    open();
    return result.finally(leaveCompany);
  }

  return {
    async among(signal, run) {
      signal.throwIfAborted();
      while (closed !== undefined) await untilAborted(closed, signal);
      companions += 1;
      try {
        return await run();
      } finally {
        leaveCompany();
      }
    },
    async alone(signal, options, run) {
      signal.throwIfAborted();
      const before = last;
      let leave: () => void = () => undefined;
      const left = new Promise<void>((resolve) => {
        leave = resolve;
      });
      last = before.then(() => left);
      let open = leave;
      try {
        const hasTurn = await within(PATIENCE_MS, signal, before);
        const pauseMs = Math.max(0, pauseEndMs - clock.nowMs());
        if (!hasTurn || pauseMs > PATIENCE_MS) return undefined;
        await clock.delay(pauseMs, signal);
        signal.throwIfAborted();
        const closedMs = clock.nowMs();
        let reopen: () => void = () => undefined;
        closed = new Promise((resolve) => {
          reopen = resolve;
        });
        let isOpen = false;
        open = () => {
          if (isOpen) return;
          isOpen = true;
          const nowMs = clock.nowMs();
          pauseEndMs = nowMs + PAUSE_SHARE * (nowMs - closedMs);
          closed = undefined;
          reopen();
          leave();
        };
        return await keepApart(signal, options, run, open);
      } finally {
        open();
      }
    },
  };
}

const { signal: never } = new AbortController();
