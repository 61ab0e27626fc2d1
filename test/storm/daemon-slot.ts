import { setTimeout as delay } from 'node:timers/promises';
import type { SpawnedProcess } from '../support/process.ts';

/** A place for one embedding daemon, in which another is started whenever one has ended, as systemd does. */
export interface DaemonSlot {
  readonly starts: number;
  kill(): void;
  /** Stops the process for so long; it goes on sooner when `signal` aborts. */
  freeze(ms: number, signal: AbortSignal): Promise<void>;
  /** Asks it to stop. */
  stopGently(): void;
  /** Ends the process and starts no more. */
  close(): Promise<void>;
}

const RESTART_MS = 200;

export function openDaemonSlot(spawn: () => Promise<SpawnedProcess>): DaemonSlot {
  const closing = new AbortController();
  let current: SpawnedProcess | undefined;
  let starts = 0;

  async function keepAlive(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        // Fails while the server is away.
        await using child = await spawn();
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
    get starts() {
      return starts;
    },
    kill: () => current?.kill('SIGKILL'),
    async freeze(ms, signal) {
      const frozen = current;
      frozen?.kill('SIGSTOP');
      await delay(ms, undefined, { signal }).catch(() => undefined);
      frozen?.kill('SIGCONT');
    },
    stopGently: () => current?.kill('SIGTERM'),
    async close() {
      closing.abort();
      current?.kill('SIGKILL');
      await done;
    },
  };
}
