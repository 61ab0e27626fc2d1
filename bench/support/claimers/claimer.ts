import type pg from 'pg';
import type { Contender } from '../contenders/contender.ts';

/** One connection that claims as a worker of that queue does, and does no work. */
export interface Claimer {
  readonly title: string;
  readonly contender: Contender;
  readonly pool: pg.Pool;
  /** Claims up to `limit` requests; how many. */
  claim(limit: number): Promise<number>;
  /** Ends all that was claimed since the last time. */
  settle(): Promise<void>;
  close(): Promise<void>;
}
