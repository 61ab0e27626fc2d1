import type { Clock } from '../core/clock.ts';
import { isLamplighterError, messageOf } from '../core/errors.ts';
import { requireSchema } from '../db/migrate/schema-state.ts';
import type { Queryable } from '../db/query.ts';
import type { InstallationFigures } from '../monitoring/exposition.ts';
import type { Meter } from '../monitoring/meter.ts';

/** How long the database is waited for. */
const ANSWER_MS = 2_000;
/** An answer is as good for so long. */
const FRESH_MS = 1_000;

/** What makes a process ready. */
export type CheckName = 'starting' | 'database' | 'schema version' | 'claim loop' | 'heartbeat' | 'LISTEN' | 'draining';

export interface FailedCheck {
  readonly check: CheckName;
  readonly problem: string;
}

export interface Readiness {
  /** None when the process is ready. */
  readonly failed: readonly FailedCheck[];
  /** What makes it slower, and leaves it at work: without LISTEN it polls. */
  readonly degraded: readonly FailedCheck[];
}

/** How a process that works on one database is. */
export interface Vitals {
  /** Waits 2 s for the database at most; a statement that hangs is waited for by all who ask meanwhile. */
  readiness(): Promise<Readiness>;
  readonly meter: Meter;
  /** Pieces of work in flight. */
  inFlight(): number;
  /** Since the last heartbeat that was answered; undefined before the first one. */
  heartbeatAgeMs(): number | undefined;
  /** The latest figures; undefined where another process measures the installation. */
  installation(): InstallationFigures | undefined;
}

export interface VitalsDeps {
  readonly db: Queryable;
  readonly heartbeatMs: number;
  readonly meter: Meter;
  readonly installation: () => InstallationFigures | undefined;
  readonly inFlight: () => number;
  /** What is wrong with the loops that claim. */
  readonly claimProblems: () => readonly string[];
  readonly clock: Clock;
}

export interface OwnVitals extends Vitals {
  noteHeartbeat(isAnswered: boolean): void;
  noteListening(isListening: boolean): void;
  noteDraining(): void;
}

export function createVitals(deps: VitalsDeps): OwnVitals {
  const { db, heartbeatMs, meter, clock } = deps;
  const database = createDatabaseCheck(() => requireSchema(db), clock);
  let heartbeatAtMs: number | undefined;
  let isHeartbeatLost = false;
  let isListening = false;
  let isDraining = false;

  const heartbeatAgeMs = () => (heartbeatAtMs === undefined ? undefined : clock.nowMs() - heartbeatAtMs);

  function heartbeatProblem(): string | undefined {
    const ageMs = heartbeatAgeMs();
    if (ageMs === undefined) return 'none has been answered yet';
    if (!isHeartbeatLost && ageMs <= 2 * heartbeatMs + 1_000) return undefined;
    return `the last one was answered ${(ageMs / 1_000).toFixed(1)} s ago`;
  }

  return {
    meter,
    inFlight: deps.inFlight,
    installation: deps.installation,
    heartbeatAgeMs,
    async readiness() {
      const failed = [...(await database())];
      const claimProblems = deps.claimProblems();
      const heartbeat = heartbeatProblem();
      if (claimProblems.length > 0) failed.push({ check: 'claim loop', problem: claimProblems.join('; ') });
      if (heartbeat !== undefined) failed.push({ check: 'heartbeat', problem: heartbeat });
      if (isDraining) failed.push({ check: 'draining', problem: 'nothing more is claimed, as the process stops' });
      const notHeard = 'no notification is heard: new work is found by polling';
      return { failed, degraded: isListening ? [] : [{ check: 'LISTEN', problem: notHeard }] };
    },
    noteHeartbeat(isAnswered) {
      isHeartbeatLost = !isAnswered;
      if (isAnswered) heartbeatAtMs = clock.nowMs();
    },
    noteListening(isNow) {
      isListening = isNow;
    },
    noteDraining() {
      isDraining = true;
    },
  };
}

/** What a statement says of the database, which is asked once at a time. */
export function createDatabaseCheck(
  statement: () => Promise<unknown>,
  clock: Clock,
): () => Promise<readonly FailedCheck[]> {
  let known: { readonly failed: readonly FailedCheck[]; readonly atMs: number } | undefined;
  let asking: Promise<readonly FailedCheck[]> | undefined;

  async function ask(): Promise<readonly FailedCheck[]> {
    try {
      await statement();
      return [];
    } catch (error) {
      const isSchema = isLamplighterError(error) && error.code.startsWith('SCHEMA_');
      return [{ check: isSchema ? 'schema version' : 'database', problem: messageOf(error) }];
    }
  }

  return async () => {
    if (known !== undefined && clock.nowMs() - known.atMs < FRESH_MS) return known.failed;
    asking ??= ask().then((failed) => {
      asking = undefined;
      known = { failed, atMs: clock.nowMs() };
      return failed;
    });
    const timer = new AbortController();
    const late = clock
      .delay(ANSWER_MS, timer.signal)
      .then((): readonly FailedCheck[] => [
        { check: 'database', problem: `does not answer within ${ANSWER_MS / 1_000} s` },
      ]);
    const failed = await Promise.race([asking, late]);
    timer.abort();
    return failed;
  };
}
