import { setTimeout as delay } from 'node:timers/promises';
import type { Freeze } from '../history/check-order.ts';
import { type JournallingWorkerOptions, spawnJournallingWorker } from '../history/journalling-worker.ts';
import type { WorkerProcess } from '../support/test-worker.ts';

/** A place for one worker process, in which another is started whenever one has ended, as systemd does. */
export interface WorkerSlot {
  readonly starts: number;
  /** When it was stopped so far. */
  readonly freezes: readonly Freeze[];
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

  async function keepAlive(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        // Fails while the server is away.
        await using child = await spawnJournallingWorker(options);
        current = child;
        starts += 1;
        if (closing.signal.aborted) child.kill('SIGKILL');
        await child.exited;
      } catch {
        await delay(RESTART_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      }
      current = undefined;
    }
  }
  const done = keepAlive();

  return {
    freezes,
    get starts() {
      return starts;
    },
    kill: () => current?.kill('SIGKILL'),
    async freeze(ms, signal) {
      const frozen = current;
      const fromMs = Date.now();
      frozen?.kill('SIGSTOP');
      await delay(ms, undefined, { signal }).catch(() => undefined);
      frozen?.kill('SIGCONT');
      freezes.push({ actor: options.actor.name, fromMs, toMs: Date.now() + LOOK_MS });
    },
    stopGently: () => current?.kill('SIGTERM'),
    async close() {
      closing.abort();
      current?.kill('SIGKILL');
      await done;
    },
  };
}
