import { randomUUID } from 'node:crypto';
import { bucketOf } from './histogram.ts';
import { createQueuedCounts, type QueuedCounts } from './queued-counts.ts';
import type { MeasuredSystem } from './read-series.ts';
import type { MetricRow } from './record-metrics.ts';

const MINUTE_MS = 60_000;
/** What could not be written for so long is given up: the database was away, so that little was recorded in it. */
const KEPT_MS = 10 * MINUTE_MS;
/** Lanes of models that callers name; further ones are counted together. */
const MOST_LANES = 500;
/** The minute of what is counted before the clock of the server is known. */
const UNKNOWN = -1;

/** What ended: of requests, tasks, or rows of a job. */
export type EndStatus = 'completed' | 'failed' | 'cancelled';

/** Counts since the process began. Waits and runs are by bucket, and their sums in seconds. */
export interface LaneTotals {
  enqueued: number;
  completed: number;
  failed: number;
  cancelled: number;
  retries: number;
  tokens: number;
  readonly waits: number[];
  readonly runs: number[];
  waitSumS: number;
  runSumS: number;
}

/**
 * Counts what happens in one lane. Nothing of it waits or fails; each call costs some 30 ns and as much again for the look at the clock,
 * which `atMs` spares, by the clock of the process. @default now
 */
export interface LaneMeter {
  readonly system: MeasuredSystem;
  readonly functionName: string;
  readonly model: string;
  readonly totals: Readonly<LaneTotals>;
  noteEnqueued(count: number): void;
  /** `runMs`: from the claim to the recorded end; unknown where it was not measured. */
  noteEnd(status: EndStatus, runMs: number | undefined, count?: number, atMs?: number): void;
  /** An attempt failed and was charged, with another one to follow. */
  noteRetry(runMs: number | undefined, atMs?: number): void;
  /** Notes the time from the queueing to the first claim. */
  noteWait(ms: number, atMs?: number): void;
  noteTokens(count: number): void;
  noteOldestPending(seconds: number): void;
}

/** What a process measures, in memory, by lane and minute. */
export interface Meter {
  /** Names the process in what is written, for as long as it runs. */
  readonly source: string;
  /** Of requests: they are counted for the minute in which they were queued, whoever measured then. */
  readonly queued: QueuedCounts;
  /** Says that the process measures the system: minutes in which nothing happens are zeros from now on, and no gaps. */
  open(system: MeasuredSystem): void;
  /** The meter of a lane, always the same one. From 500 lanes on, models that have none share that of their function. */
  lane(system: MeasuredSystem, functionName: string, model: string): LaneMeter;
  lanes(): readonly LaneMeter[];
  /** Work was taken back from dead workers. */
  noteRescues(count: number): void;
  /** Since the process began. */
  rescues(): number;
  /** Takes note of the clock of the server, in milliseconds since 1970, as it was at that time of the process's own clock. */
  noteServerTime(serverMs: number, atMs: number): void;
  /** The clock of the server now, or at a time of the process's clock; undefined before it was told. */
  serverMs(atMs?: number): number | undefined;
  /** What has changed since it was last confirmed, with the totals of the systems. */
  changedRows(): { readonly rows: readonly MetricRow[]; readonly confirm: () => void };
}

interface Cell extends Omit<LaneTotals, 'waitSumS' | 'runSumS'> {
  hasTokens: boolean;
  oldestPendingS: number | undefined;
  changes: number;
  confirmed: number;
}

/**
 * Each figure belongs to the minute of the server in which it was noted. Rows hold the totals of the minute so far, so that writing them
 * again changes nothing; a killed process loses its unwritten figures.
 */
export function createMeter(nowMs: () => number): Meter {
  const lanes = new Map<string, LaneMeter & { readonly cells: Map<number, Cell> }>();
  const systems = new Set<MeasuredSystem>();
  let offsetMs: number | undefined;
  let rescues = 0;

  const minuteAt = (atMs = nowMs()) =>
    offsetMs === undefined ? UNKNOWN : Math.floor((atMs + offsetMs) / MINUTE_MS) * MINUTE_MS;

  function createLane(system: MeasuredSystem, functionName: string, model: string) {
    const cells = new Map<number, Cell>();
    const totals: LaneTotals = { ...emptyCounts(), waitSumS: 0, runSumS: 0 };
    let minute = Number.NaN;
    let cell = emptyCell();

    function current(atMs?: number): Cell {
      const now = minuteAt(atMs);
      if (now !== minute) {
        minute = now;
        cell = cells.get(now) ?? emptyCell();
        cells.set(now, cell);
      }
      cell.changes += 1;
      return cell;
    }

    function noteRun(own: Cell, runMs: number | undefined): void {
      if (runMs === undefined) return;
      const bucket = bucketOf(runMs);
      own.runs[bucket] = (own.runs[bucket] ?? 0) + 1;
      totals.runs[bucket] = (totals.runs[bucket] ?? 0) + 1;
      totals.runSumS += runMs / 1_000;
    }

    return {
      system,
      functionName,
      model,
      totals,
      cells,
      noteEnqueued(count: number) {
        current().enqueued += count;
        totals.enqueued += count;
      },
      noteEnd(status: EndStatus, runMs: number | undefined, count = 1, atMs?: number) {
        const own = current(atMs);
        own[status] += count;
        totals[status] += count;
        noteRun(own, runMs);
      },
      noteRetry(runMs: number | undefined, atMs?: number) {
        const own = current(atMs);
        own.retries += 1;
        totals.retries += 1;
        noteRun(own, runMs);
      },
      noteWait(ms: number, atMs?: number) {
        const own = current(atMs);
        const bucket = bucketOf(ms);
        own.waits[bucket] = (own.waits[bucket] ?? 0) + 1;
        totals.waits[bucket] = (totals.waits[bucket] ?? 0) + 1;
        totals.waitSumS += ms / 1_000;
      },
      noteTokens(count: number) {
        const own = current();
        own.hasTokens = true;
        own.tokens += count;
        totals.tokens += count;
      },
      noteOldestPending(seconds: number) {
        const own = current();
        own.oldestPendingS = Math.max(own.oldestPendingS ?? 0, seconds);
      },
    };
  }

  function laneOf(system: MeasuredSystem, functionName: string, model: string) {
    const key = JSON.stringify([system, functionName, model]);
    const known = lanes.get(key);
    if (known !== undefined) return known;
    if (lanes.size >= MOST_LANES && model !== '') return laneOf(system, functionName, '');
    const made = createLane(system, functionName, model);
    lanes.set(key, made);
    return made;
  }

  /** The lane of the system's total holds what is of no other: the oldest of all. */
  const totalOf = (system: MeasuredSystem) => laneOf(system, '', '');

  function forgetBefore(minute: number): void {
    for (const { cells } of lanes.values()) {
      for (const known of cells.keys()) if (known !== UNKNOWN && known < minute) cells.delete(known);
    }
  }

  return {
    source: randomUUID(),
    queued: createQueuedCounts(),
    open(system) {
      systems.add(system);
      totalOf(system);
    },
    lane: laneOf,
    lanes: () => [...lanes.values()],
    noteRescues(count) {
      rescues += count;
    },
    rescues: () => rescues,
    noteServerTime(serverMs, atMs) {
      const isFirst = offsetMs === undefined;
      offsetMs = serverMs - atMs;
      if (!isFirst) return;
      const minute = minuteAt();
      for (const { cells } of lanes.values()) {
        const early = cells.get(UNKNOWN);
        cells.delete(UNKNOWN);
        if (early !== undefined) cells.set(minute, early);
      }
    },
    serverMs: (atMs = nowMs()) => (offsetMs === undefined ? undefined : atMs + offsetMs),
    changedRows() {
      const now = minuteAt();
      if (now === UNKNOWN) return { rows: [], confirm: () => undefined };
      forgetBefore(now - KEPT_MS);
      const rows: MetricRow[] = [];
      const sent: { readonly cell: Cell; readonly changes: number }[] = [];
      for (const system of systems) {
        const total = totalOf(system);
        const own = [...lanes.values()].filter((lane) => lane.system === system);
        const changed = new Set<number>([now]);
        for (const lane of own) {
          for (const [minute, cell] of lane.cells) {
            if (cell.changes === cell.confirmed) continue;
            changed.add(minute);
            sent.push({ cell, changes: cell.changes });
            if (lane !== total) rows.push(toRow(lane, minute, cell));
          }
        }
        for (const minute of changed) {
          rows.push(toRow(total, minute, sumCells(own.flatMap(({ cells }) => cells.get(minute) ?? []))));
        }
      }
      return {
        rows,
        confirm() {
          for (const { cell, changes } of sent) cell.confirmed = changes;
        },
      };
    },
  };
}

function emptyCounts(): Omit<LaneTotals, 'waitSumS' | 'runSumS'> {
  return { enqueued: 0, completed: 0, failed: 0, cancelled: 0, retries: 0, tokens: 0, waits: [], runs: [] };
}

function emptyCell(): Cell {
  return { ...emptyCounts(), hasTokens: false, oldestPendingS: undefined, changes: 0, confirmed: 0 };
}

function sumCells(cells: readonly Cell[]): Cell {
  const total = emptyCell();
  for (const cell of cells) {
    for (const name of ['enqueued', 'completed', 'failed', 'cancelled', 'retries', 'tokens'] as const)
      total[name] += cell[name];
    total.hasTokens ||= cell.hasTokens;
    if (cell.oldestPendingS !== undefined)
      total.oldestPendingS = Math.max(total.oldestPendingS ?? 0, cell.oldestPendingS);
    for (const name of ['waits', 'runs'] as const) {
      for (const [bucket, count = 0] of cell[name].entries()) total[name][bucket] = (total[name][bucket] ?? 0) + count;
    }
  }
  return total;
}

function toRow(
  { system, functionName, model }: Pick<LaneMeter, 'system' | 'functionName' | 'model'>,
  minute: number,
  { enqueued, completed, failed, cancelled, retries, tokens, hasTokens, oldestPendingS, waits, runs }: Cell,
): MetricRow {
  return {
    system,
    function_name: functionName,
    model,
    minute_ms: minute,
    enqueued,
    completed,
    failed,
    cancelled,
    retries,
    ...(hasTokens ? { tokens } : {}),
    ...(oldestPendingS === undefined ? {} : { oldest_pending_s: oldestPendingS }),
    // Buckets that nothing fell into may be holes.
    waits: Array.from(waits, (count) => count ?? 0),
    runs: Array.from(runs, (count) => count ?? 0),
  };
}
