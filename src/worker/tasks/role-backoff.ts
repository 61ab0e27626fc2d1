import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';

const PAUSE = { baseMs: 1_000, capMs: 60_000 };

/** Roles as which no session can be had at present: their tasks are not claimed for a while, longer with each failure in a row. */
export interface RoleBackoff {
  note(role: string, reason: string): void;
  settle(role: string): void;
  /** One of its sessions has ended, which may be what the next one waits for: it may be tried now. */
  tryAgain(role: string): void;
  /** Roles to pass over now. */
  listSkipped(): string[];
  /** Why, by role, also of those whose next try is due. */
  readonly reasons: ReadonlyMap<string, string>;
  /** Milliseconds until the next role may be tried; undefined when none waits. */
  nextMs(): number | undefined;
}

interface Pause {
  readonly failures: number;
  readonly untilMs: number;
}

/** @param onChange - told when the reasons have changed. */
export function createRoleBackoff(clock: Clock, onChange: () => void): RoleBackoff {
  const pauses = new Map<string, Pause>();
  const reasons = new Map<string, string>();
  return {
    reasons,
    note(role, reason) {
      const failures = (pauses.get(role)?.failures ?? 0) + 1;
      pauses.set(role, { failures, untilMs: clock.nowMs() + backoffMs(failures, undefined, PAUSE) });
      if (reasons.get(role) === reason) return;
      reasons.set(role, reason);
      onChange();
    },
    settle(role) {
      pauses.delete(role);
      if (reasons.delete(role)) onChange();
    },
    tryAgain(role) {
      const pause = pauses.get(role);
      if (pause !== undefined) pauses.set(role, { ...pause, untilMs: clock.nowMs() });
    },
    listSkipped() {
      const nowMs = clock.nowMs();
      return [...pauses].filter(([, { untilMs }]) => untilMs > nowMs).map(([role]) => role);
    },
    nextMs() {
      const nowMs = clock.nowMs();
      const waits = [...pauses.values()].map(({ untilMs }) => untilMs - nowMs).filter((ms) => ms > 0);
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
  };
}
