import type { Clock } from '../core/clock.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import type { InstallationFigures } from '../monitoring/exposition.ts';
import type { Meter } from '../monitoring/meter.ts';
import { type Figures, readFigures } from '../monitoring/read-figures.ts';
import { readHealth } from '../monitoring/read-health.ts';
import {
  compactMetrics,
  measureCancelled,
  measureEnqueued,
  measureWaiting,
  recordMetrics,
} from '../monitoring/record-metrics.ts';
import type { Duty } from './duties.ts';

const MEASURE_MS = 15_000;
const COMPACT_MS = 600_000;
/** Age from which on figures of the installation are out of date: another process measures them. */
const STALE_MS = 3 * MEASURE_MS;
/** Statements of a pass that count what was queued; the next pass goes on from there. */
const MOST_COUNTS = 25;

export interface MeasurerDeps {
  readonly db: Queryable;
  readonly meter: Meter;
  readonly writeMs: number;
  /** Told of each heartbeat, whether it was answered. */
  readonly onHeartbeat: (isAnswered: boolean) => void;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface Measurer extends Service {
  readonly duties: readonly Duty[];
  /** The latest figures; undefined where another process measures. */
  installation(): InstallationFigures | undefined;
}

/**
 * Duties: writes what this process measures, with each `writeMs` and once more at the stop; and, as one process for all, measures the
 * installation, counts what was queued and cancelled, and keeps the tables of figures small. A process that is killed loses the figures of the time
 * since it wrote last; what one dies over for all, another begins again.
 */
export function startMeasurer({ db, meter, writeMs, onHeartbeat, troubles, clock }: MeasurerDeps): Measurer {
  let last: (InstallationFigures & { readonly atMs: number }) | undefined;

  async function write(): Promise<void> {
    const { rows, confirm } = meter.changedRows();
    if (rows.length > 0) {
      await recordMetrics(db, meter.source, rows);
      confirm();
    }
    // Afterwards, as nothing is counted into a minute that has no row yet.
    await meter.queued.write(db, meter.source);
  }

  async function measure(signal: AbortSignal): Promise<void> {
    const figures = await readFigures(db);
    const health = await readHealth(db);
    last = { figures, health, atMs: clock.nowMs() };
    if (figures.tasks.queued.count + figures.tasks.running > 0) meter.open('tasks');
    if (figures.jobs.length > 0) meter.open('jobs');
    noteOldest(meter, figures);
    await measureWaiting(db);
    for (const count of [measureEnqueued, measureCancelled]) {
      for (let passes = 0; passes < MOST_COUNTS && !signal.aborted; passes += 1) if (!(await count(db))) break;
    }
  }

  const loop = startLoop({
    intervalMs: writeMs,
    runOnce: write,
    trouble: troubles.define('write figures'),
    clock,
  });

  return {
    duties: [
      {
        name: () => 'measure',
        intervalMs: MEASURE_MS,
        run: (_heartbeat, signal) => measure(signal),
        noteHeartbeat(heartbeat) {
          onHeartbeat(heartbeat !== undefined);
          if (heartbeat !== undefined) {
            meter.noteServerTime(heartbeat.serverMs, (heartbeat.startedMs + heartbeat.endedMs) / 2);
          }
        },
        trouble: troubles.define('measure the installation'),
      },
      {
        name: () => 'compact_metrics',
        intervalMs: COMPACT_MS,
        run: () => compactMetrics(db),
        trouble: troubles.define('compact figures'),
      },
    ],
    installation: () => (last === undefined || clock.nowMs() - last.atMs > STALE_MS ? undefined : last),
    async stop() {
      await loop.stop();
      await write().catch(() => undefined);
    },
  };
}

/** Notes the age of the oldest in each lane that something waits in, and in each system: 0 is a figure, too. */
function noteOldest(meter: Meter, { lanes, tasks, jobs }: Figures): void {
  const ages = new Map<unknown, number>();
  for (const { functionName, model, oldestPendingMs = 0 } of lanes) {
    ages.set(meter.lane('requests', functionName, model), oldestPendingMs / 1_000);
  }
  for (const { id, model, lagMs = 0 } of jobs) ages.set(meter.lane('jobs', id, model), lagMs / 1_000);
  ages.set(meter.lane('tasks', '', ''), (tasks.oldestQueuedMs ?? 0) / 1_000);
  for (const lane of meter.lanes()) {
    const age = ages.get(lane);
    if (age !== undefined || lane.functionName === '') lane.noteOldestPending(age ?? 0);
  }
}
