import type pg from 'pg';

/** Told of each call of a handler: how many requests it was given, and their prompts. */
export type OnHandled = (count: number, prompts: () => readonly string[]) => void;

/** What works in a process of its own. */
export interface Workable {
  /** As in tables and charts. */
  readonly title: string;
  /** Makes its schema in an empty database. */
  migrate(uri: string): Promise<void>;
  /** Commits one request, to be handled at once. */
  enqueue(db: pg.Pool | pg.Client, prompt: string): Promise<void>;
  /** Works in this process until stopped. */
  startWorker(uri: string, onHandled: OnHandled): Promise<RunningWorker>;
}

/** A queue in one configuration, as the benchmarks drive it. */
export interface Contender extends Workable {
  /** The table that holds the jobs, to be vacuumed after filling. */
  readonly table: string;
  /** Enqueues as many requests in one statement. */
  fill(pool: pg.Pool, count: number): Promise<void>;
  /** Takes away all requests, ended or not. */
  clear(pool: pg.Pool): Promise<void>;
  /** True when nothing is left to do of the `latest` requests, and every end of them is recorded. */
  isDrained(pool: pg.Pool, latest: number): Promise<boolean>;
}

export interface RunningWorker {
  stop(): Promise<void>;
}

/** True when the query gives no row. */
export async function isEmpty(pool: pg.Pool, text: string, values: unknown[] = []): Promise<boolean> {
  return (await pool.query(text, values)).rowCount === 0;
}
