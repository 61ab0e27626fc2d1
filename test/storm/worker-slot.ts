import { setTimeout as delay } from 'node:timers/promises';
import type { Freeze } from '../history/check-order.ts';
import type { Serving } from '../history/check-progress.ts';
import { type JournallingWorkerOptions, spawnJournallingWorker } from '../history/journalling-worker.ts';
import type { WorkerProcess } from '../support/test-worker.ts';

/** A place for one worker process, in which another is started whenever one has ended, as systemd does. */
export interface WorkerSlot {
  readonly starts: number;
  /** When it was stopped so far. */
  readonly freezes: readonly Freeze[];
  /** When it was well so far, where nothing but its process is struck. */
  readonly serving: readonly Serving[];
  kill(): void;
  /** Stops the process for so long; it goes on sooner when `signal` aborts. */
  freeze(ms: number, signal: AbortSignal): Promise<void>;
  /** Asks it to stop; it is killed if it takes longer than it may. */
  stopGently(): void;
  /** Ends the process and starts no more. */
  close(): Promise<void>;
}

const RESTART_MS = 200;
/** Until a worker that goes on has looked at the queue again: an answer from before the freeze counts for a second. */
const LOOK_MS = 2_000;

export function openSlot(options: JournallingWorkerOptions): WorkerSlot {
  const closing = new AbortController();
  let current: WorkerProcess | undefined;
  let starts = 0;
  const freezes: Freeze[] = [];
  const serving: Serving[] = [];
  const { actor, concurrency = 4, provider } = options;
  let wellSinceMs: number | undefined;

  const spanSince = (fromMs: number): Serving => {
    const { maxBatch = 16, generateBatch = maxBatch } = provider ?? {};
    const batchOf = (functionName: string) => (functionName.startsWith('generate') ? generateBatch : maxBatch);
    return { actor: actor.name, concurrency, batchOf, fromMs, toMs: Date.now() };
  };

  function endSpan(): void {
    // A worker that has just gone on is well a little later only.
    if (wellSinceMs !== undefined && wellSinceMs < Date.now()) serving.push(spanSince(wellSinceMs));
    wellSinceMs = undefined;
  }

  async function keepAlive(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        // Fails while the server is away.
        await using child = await spawnJournallingWorker(options);
        current = child;
        starts += 1;
        wellSinceMs = Date.now();
        if (closing.signal.aborted) child.kill('SIGKILL');
        await child.exited;
      } catch {
        await delay(RESTART_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      }
      endSpan();
      current = undefined;
    }
  }
  const done = keepAlive();

  return {
    freezes,
    get serving() {
      const isWell = wellSinceMs !== undefined && wellSinceMs < Date.now();
      return isWell && wellSinceMs !== undefined ? [...serving, spanSince(wellSinceMs)] : serving;
    },
    get starts() {
      return starts;
    },
    kill() {
      endSpan();
      current?.kill('SIGKILL');
    },
    async freeze(ms, signal) {
      const frozen = current;
      const fromMs = Date.now();
      endSpan();
      frozen?.kill('SIGSTOP');
      await delay(ms, undefined, { signal }).catch(() => undefined);
      frozen?.kill('SIGCONT');
      const wellMs = Date.now() + LOOK_MS;
      freezes.push({ actor: actor.name, fromMs, toMs: wellMs });
      if (current === frozen && frozen !== undefined) wellSinceMs = wellMs;
    },
    stopGently() {
      endSpan();
      current?.kill('SIGTERM');
    },
    async close() {
      closing.abort();
      current?.kill('SIGKILL');
      await done;
    },
  };
}
