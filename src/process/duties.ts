import type { Trouble } from '../core/recurring-trouble.ts';
import type { Service } from '../core/service.ts';
import type { DutyOffer } from './renew-lease.ts';

/** A heartbeat that was answered: when it began and ended, and the clock of the server in between. */
export interface Heartbeat {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly serverMs: number;
}

/** What one process does for the whole installation, again and again. */
export interface Duty {
  /** Processes that offer the same name take turns; read anew for each offer. */
  readonly name: () => string;
  readonly intervalMs: number;
  run(heartbeat: Heartbeat, signal: AbortSignal): Promise<void>;
  /** Told of each heartbeat of this process, whoever does the duty; undefined for one that failed. */
  noteHeartbeat?(heartbeat: Heartbeat | undefined): void;
  readonly trouble: Trouble;
}

/**
 * The duties of the installation, as far as they can wait for a heartbeat. Each heartbeat offers them, and its answer names those that are
 * this process's now; these run beside it. What is not done because its process died is due for others one interval later.
 */
export interface Duties extends Service {
  /** What the next heartbeat may ask for: what does not run yet. All of it is due at once until this process has done it once. */
  offer(): readonly DutyOffer[];
  /** The answer to a heartbeat. */
  note(heartbeat: Heartbeat, names: readonly string[]): void;
  /** A heartbeat failed. */
  noteFailure(): void;
}

export function createDuties(duties: readonly Duty[]): Duties {
  const stopping = new AbortController();
  const running = new Map<Duty, Promise<void>>();
  const done = new Set<Duty>();
  /** Each duty under the name by which it was offered. */
  let offered = new Map<string, Duty>();

  async function run(duty: Duty, heartbeat: Heartbeat): Promise<void> {
    try {
      await duty.run(heartbeat, stopping.signal);
      duty.trouble.settle();
    } catch (error) {
      if (!stopping.signal.aborted) duty.trouble.note(error);
    }
    running.delete(duty);
  }

  return {
    offer() {
      const free = stopping.signal.aborted ? [] : duties.filter((duty) => !running.has(duty));
      offered = new Map(free.map((duty) => [duty.name(), duty]));
      return [...offered].map(([name, duty]) => ({ name, intervalMs: done.has(duty) ? duty.intervalMs : 0 }));
    },
    note(heartbeat, names) {
      for (const duty of duties) duty.noteHeartbeat?.(heartbeat);
      for (const name of names) {
        const duty = offered.get(name);
        if (duty === undefined || running.has(duty) || stopping.signal.aborted) continue;
        done.add(duty);
        const pass = run(duty, heartbeat);
        running.set(duty, pass);
        // It could not even tell of its failure, and does not run again; `stop` reports it, too.
        pass.catch((error: unknown) => duty.trouble.die(error));
      }
    },
    noteFailure() {
      for (const duty of duties) duty.noteHeartbeat?.(undefined);
    },
    async stop() {
      stopping.abort();
      await Promise.all(running.values());
    },
  };
}
