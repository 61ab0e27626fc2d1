import type { Clock } from '../core/clock.ts';

/** The pass of a table that is complete takes at most this share of the time of a session, and this many bytes a second. */
const RECONCILE_LOAD = 0.05;
const RECONCILE_BYTES_PER_S = 20_000_000;

export interface PaceOptions {
  readonly maxRowsPerSecond: number | undefined;
  /** Above 0, at most 1: the share of the time that a backfill may keep the database at work for the job. */
  readonly maxLoad: number;
  readonly clock: Clock;
}

/** How fast one job may go. */
export interface Pace {
  /** How long to wait before rows may be claimed. */
  rowsInMs(): number;
  /** How many of so many rows may be taken at once: those of a second at most. */
  atMost(rows: number): number;
  /** How long to wait before the next page of a pass. */
  pageInMs(): number;
  noteRows(count: number): void;
  /** Database work for a backfill has taken so long. */
  noteBackfillWork(ms: number): void;
  /** A page of a pass over a complete table. */
  noteReconcilePage(ms: number, bytes: number): void;
}

export function createPace({ maxRowsPerSecond, maxLoad, clock }: PaceOptions): Pace {
  let rowsFromMs = 0;
  let pageFromMs = 0;
  const inMs = (atMs: number) => Math.max(0, atMs - clock.nowMs());
  const holdPages = (ms: number) => {
    pageFromMs = Math.max(pageFromMs, clock.nowMs()) + ms;
  };
  return {
    rowsInMs: () => inMs(rowsFromMs),
    atMost: (rows) => Math.min(rows, maxRowsPerSecond ?? rows),
    pageInMs: () => Math.max(inMs(pageFromMs), inMs(rowsFromMs)),
    noteRows(count) {
      if (maxRowsPerSecond === undefined) return;
      rowsFromMs = Math.max(rowsFromMs, clock.nowMs()) + (count / maxRowsPerSecond) * 1_000;
    },
    noteBackfillWork(ms) {
      if (maxLoad < 1) holdPages(ms * (1 / maxLoad - 1));
    },
    noteReconcilePage(ms, bytes) {
      holdPages(Math.max(ms * (1 / RECONCILE_LOAD - 1), (bytes / RECONCILE_BYTES_PER_S) * 1_000));
    },
  };
}
