import type pg from 'pg';

/** A queue in one configuration, as the benchmarks drive it. */
export interface Contender {
  /** As in tables and charts. */
  readonly title: string;
  /** The table that holds the jobs, to be vacuumed after filling. */
  readonly table: string;
  /** Makes its schema in an empty database. */
  migrate(uri: string): Promise<void>;
  /** Enqueues as many requests in one statement. */
  fill(pool: pg.Pool, count: number): Promise<void>;
  /** Takes away all requests, ended or not. */
  clear(pool: pg.Pool): Promise<void>;
  /** True when nothing is left to do and every end is recorded. */
  isDrained(pool: pg.Pool): Promise<boolean>;
  /** Commits one request, to be handled soon. */
  enqueue(pool: pg.Pool | pg.Client): Promise<void>;
  /** Works in this process until stopped, and tells of each handler call with how many requests it was given. */
  startWorker(uri: string, onHandled: (count: number) => void): Promise<RunningWorker>;
}

export interface RunningWorker {
  stop(): Promise<void>;
}

/** True when the query gives no row. */
export async function isEmpty(pool: pg.Pool, text: string): Promise<boolean> {
  return (await pool.query(text)).rowCount === 0;
}
