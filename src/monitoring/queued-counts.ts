import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const RECORD_QUEUED = loadQuery('record_queued');
/** Of a batch. Callers may name any model and any time of queueing: what is beyond is not counted. */
const MOST_ROWS = 5_000;

interface QueuedRow {
  readonly function_name: string;
  readonly model: string;
  readonly minute_ms: number;
  count: number;
}

/**
 * Counts requests at their first claim, by function, model and the minute in which they were queued. A batch that may or may not have
 * arrived is sent again under its number, so that nothing is counted twice; a killed process loses what it has not sent.
 */
export interface QueuedCounts {
  note(functionName: string, model: string, minuteMs: number, count: number): void;
  /** Writes what was noted since; what fails is written by the next call. */
  write(db: Queryable, source: string): Promise<void>;
}

export function createQueuedCounts(): QueuedCounts {
  let rows = new Map<string, QueuedRow>();
  let sent: { readonly number: number; readonly rows: readonly QueuedRow[] } | undefined;
  let number = 0;
  return {
    note(functionName, model, minuteMs, count) {
      const key = `${minuteMs}:${functionName}:${model}`;
      const known = rows.get(key);
      if (known !== undefined) known.count += count;
      else if (rows.size < MOST_ROWS) rows.set(key, { function_name: functionName, model, minute_ms: minuteMs, count });
    },
    async write(db, source) {
      while (sent !== undefined || rows.size > 0) {
        if (sent === undefined) {
          number += 1;
          sent = { number, rows: [...rows.values()] };
          rows = new Map();
        }
        await db.query(RECORD_QUEUED, [source, String(sent.number), JSON.stringify(sent.rows)]);
        sent = undefined;
      }
    },
  };
}
